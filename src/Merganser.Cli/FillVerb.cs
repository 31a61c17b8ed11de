using System.CommandLine;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Tools;

namespace Merganser.Cli;

/// <summary><c>merganser fill base part out</c></summary>
internal static class FillVerb
{
    private const string Help = """
        Complete a partial model with the tensors and files of a base.

        Example:
          merganser fill ./vision-language ./merged-language ./complete
        """;

    public static Command Create()
    {
        var baseModel = new Argument<string>("base") { Description = "the whole model" };
        var part = new Argument<string>("part") { Description = "the model whose tensors go in" };
        var output = new Argument<string>("out") { Description = "the folder of the result" };
        var run = new ToolRun("5GiB");
        var command = new Command("fill", Help) { baseModel, part, output };
        command.Aliases.Add("fill-missing-params");
        run.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            using ModelFolder whole = ModelFolder.Open(parsed.GetRequiredValue(baseModel));
            using ModelFolder smaller = ModelFolder.Open(parsed.GetRequiredValue(part));
            using MergePlan plan = FillMissing.Plan(whole, smaller);
            return Task.FromResult(run.Run("fill", plan, parsed.GetRequiredValue(output), parsed, cancellation));
        });
        return command;
    }
}
