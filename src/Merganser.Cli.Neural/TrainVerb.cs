using System.CommandLine;
using System.Globalization;
using Merganser.Neural;
using Merganser.Neural.Training;

namespace Merganser.Cli.Neural;

/// <summary><c>train</c>: fine-tunes a model, or trains a new one, as a recipe says.</summary>
internal static class TrainVerb
{
    public static Command Create()
    {
        var recipe = new Argument<string>("recipe") { Description = "the recipe, YAML" };
        var output = new Argument<string>("out") { Description = "the folder of the trained model" };
        var dryRun = new Option<bool>("--dry-run") { Description = "load model and data, print what would be done, and stop" };
        var resume = new Option<bool>("--resume") { Description = "go on with an interrupted run of the same recipe" };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace the output folder if it exists" };
        var threads = new Option<int>("--threads") { Description = "threads of one operation (default: all cores)" };
        var device = new Option<string>("--device") { Description = "cpu, cuda, cuda:N or mps", DefaultValueFactory = _ => "cpu" };
        var command = new Command("train", "Fine-tune a model on your files, or train a new one, as a recipe says") { recipe, output, dryRun, resume, overwrite, threads, device };
        command.SetAction((parsed, cancellation) =>
        {
            int count = parsed.GetValue(threads);
            if (count < 0)
                throw new MerganserException($"--threads is {count}; it must be 0 (all cores) or a positive number");
            TrainingRecipe read = TrainingRecipe.ReadFile(parsed.GetRequiredValue(recipe));
            TorchRuntime.SetThreads(count);
            TextWriter console = parsed.InvocationConfiguration.Output;
            using var run = new TrainingRun(read, TorchRuntime.ParseDevice(parsed.GetValue(device)!));
            console.WriteLine(run.Description);
            if (parsed.GetValue(dryRun))
                return Task.FromResult(0);
            string folder = parsed.GetRequiredValue(output);
            TrainingReport report;
            using (var display = new TrainDisplay(parsed.InvocationConfiguration.Error))
                report = run.Run(folder, parsed.GetValue(overwrite), parsed.GetValue(resume), display, cancellation);
            string best = report.Best is { } evaluation ? string.Create(CultureInfo.InvariantCulture, $"{TrainDisplay.Held(evaluation)} at step {report.BestStep}") : "";
            console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{folder}: {report.Steps} steps{(report.StoppedEarly ? ", stopped early" : "")}, loss {report.Log.Rows[^1].Loss:F4}{best}"));
            return Task.FromResult(0);
        });
        return command;
    }
}
