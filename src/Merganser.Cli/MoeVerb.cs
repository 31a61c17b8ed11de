using System.CommandLine;
using System.Diagnostics;
using Merganser.Weights;
using Merganser.Weights.Moe;

namespace Merganser.Cli;

/// <summary><c>merganser moe recipe.yml out</c></summary>
internal static class MoeVerb
{
    private const string Help = """
        Make a mixture of experts of dense models: Mixtral, DeepSeek, Qwen2-MoE or Qwen3-MoE.

        Routers come from the prompts of each expert: gate_mode hidden (the default), hidden_last and hidden_avg run the base model
        on them layer by layer from the disk, cheap_embed looks at its embeddings only; random and uniform_random need no prompts.
        A prompt is text, or a list of token ids with the beginning-of-text token:
          positive_prompts: ["write a function", [1, 306, 29889]]
        """;

    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(3);

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
            foreach (Option option in ignored.Where(option => parsed.GetResult(option) is { Implicit: false }))
                run.Display(parsed).Note($"{option.Name} has no effect here");
            string folder = parsed.GetRequiredValue(output);
            TextWriter error = run.IsQuiet(parsed) ? TextWriter.Null : parsed.InvocationConfiguration.Error;
            long said = Stopwatch.GetTimestamp();
            void LayerDone(int layer, int layers)
            {
                if (Stopwatch.GetElapsedTime(said) < LineInterval)
                    return;
                said = Stopwatch.GetTimestamp();
                error.WriteLine($"moe: hidden states of layer {layer + 1} of {layers}");
            }

            using MergePlan plan = MoePlanner.Plan(MoeConfigReader.ReadFile(parsed.GetRequiredValue(recipe)), new MoeOptions
            {
                Layout = parsed.GetValue(layout),
                AllowEqualExperts = parsed.GetValue(equal),
                Seed = parsed.GetValue(seed),
                Threads = run.Threads(parsed),
                LayerDone = LayerDone,
                Cancellation = cancellation,
                Title = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))),
            });
            return Task.FromResult(run.Run("moe", plan, folder, parsed, cancellation));
        });
        return command;
    }
}
