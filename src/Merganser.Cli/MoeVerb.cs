using System.CommandLine;
using Merganser.Weights;
using Merganser.Weights.Moe;

namespace Merganser.Cli;

/// <summary><c>merganser moe recipe.yml out</c></summary>
internal static class MoeVerb
{
    private const string Help = """
        Make a mixture of experts of dense models: Mixtral, DeepSeek, Qwen2-MoE or Qwen3-MoE.

        Examples:
          merganser moe recipe.yml ./mixture
          merganser moe recipe.yml ./mixture --moe-layout fused --seed 7

        gate_mode random, uniform_random and cheap_embed work; cheap_embed takes prompts as lists of token ids:
          positive_prompts: [[1, 306, 29889], [1, 590]]
        """;

    public static Command Create()
    {
        var recipe = new Argument<string>("recipe") { Description = "the recipe, in the YAML of mergekit-moe" };
        var output = new Argument<string>("out") { Description = "the folder of the mixture" };
        var layout = new Option<MoeLayout>("--moe-layout") { Description = "split: three matrices for each expert; fused: one tensor for all experts of a layer", DefaultValueFactory = _ => MoeLayout.Split };
        var equal = new Option<bool>("--i-understand-this-is-not-useful-without-training") { Description = "allow experts that are all the same model" };
        var seed = new Option<ulong>("--seed", "--random-seed") { Description = "seed of random routers and noise" };
        var run = new ToolRun();
        var command = new Command("moe", Help) { recipe, output, layout, equal, seed };
        var ignored = new List<Option>();
        foreach (string name in (string[])["--load-in-4bit", "--load-in-8bit", "--trust-remote-code", "--lazy-unpickle", "--cuda"])
        {
            var option = new Option<bool>(name) { Hidden = true };
            ignored.Add(option);
            command.Add(option);
        }

        run.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            foreach (Option option in ignored.Where(option => parsed.GetResult(option) is not null))
                run.Display(parsed).Note($"{option.Name} has no effect here");
            string folder = parsed.GetRequiredValue(output);
            using MergePlan plan = MoePlanner.Plan(MoeConfigReader.ReadFile(parsed.GetRequiredValue(recipe)), new MoeOptions
            {
                Layout = parsed.GetValue(layout),
                AllowEqualExperts = parsed.GetValue(equal),
                Seed = parsed.GetValue(seed),
                Title = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))),
            });
            return Task.FromResult(run.Run("moe", plan, folder, parsed, cancellation));
        });
        return command;
    }
}
