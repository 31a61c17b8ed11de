using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Merganser.Checkpoints;
using Merganser.Experiments;

namespace Merganser.Cli;

/// <summary><c>evaluate</c>: accuracy per task of the small vision transformers, merged or not.</summary>
internal static class EvaluateVerb
{
    private const string Family = "models/vit28-tasks";

    /// <summary>The option with the file of heads.</summary>
    public static Option<string> Heads() => new("--heads") { Description = "safetensors file with <task>.weight and <task>.bias", DefaultValueFactory = _ => Path.Combine(Family, "heads.safetensors") };

    /// <summary>The option with the folder of images.</summary>
    public static Option<string> Images() => new("--images") { Description = "folder with a folder of gzipped IDX files per task", DefaultValueFactory = _ => Path.Combine(Family, "images") };

    public static Command Create()
    {
        var weights = new Argument<string[]>("weights") { Description = "model folders or safetensors files", Arity = ArgumentArity.OneOrMore };
        Option<string> heads = Heads(), images = Images();
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("evaluate", "Accuracy per task of small vision transformers (models/vit28-tasks and merges of them)") { weights, heads, images, json };
        command.SetAction(parsed =>
        {
            TaskEvaluation evaluation = TaskEvaluation.Open(parsed.GetValue(heads)!, parsed.GetValue(images)!);
            var rows = new List<(string Name, double[] Accuracies)>();
            foreach (string path in parsed.GetValue(weights)!)
            {
                using Checkpoint checkpoint = CheckpointReader.Open(path);
                rows.Add((path, evaluation.Accuracies(new SmallVit(checkpoint))));
            }

            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
                PrintJson(output, evaluation.Tasks, rows);
            else
                PrintTable(output, evaluation.Tasks, rows);
        });
        return command;
    }

    /// <summary>A row for each model, a column for each task, and the mean.</summary>
    public static void PrintTable(TextWriter output, IReadOnlyList<string> tasks, List<(string Name, double[] Accuracies)> rows)
    {
        string[] names = [.. rows.Select(row => Path.GetFileName(Path.TrimEndingDirectorySeparator(row.Name)))];
        int first = Math.Max("weights".Length, names.Max(name => name.Length));
        output.WriteLine($"{"weights".PadRight(first)}  {string.Join("  ", tasks)}   mean");
        for (int row = 0; row < rows.Count; row++)
        {
            IEnumerable<string> cells = rows[row].Accuracies.Select((accuracy, task) => Number(accuracy).PadLeft(tasks[task].Length));
            output.WriteLine($"{names[row].PadRight(first)}  {string.Join("  ", cells)}  {Number(rows[row].Accuracies.Average())}");
        }
    }

    private static void PrintJson(TextWriter output, IReadOnlyList<string> tasks, List<(string Name, double[] Accuracies)> rows)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            foreach ((string name, double[] accuracies) in rows)
            {
                writer.WriteStartObject(name);
                for (int task = 0; task < tasks.Count; task++)
                    writer.WriteNumber(tasks[task], accuracies[task]);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        output.WriteLine(System.Text.Encoding.UTF8.GetString(buffer.ToArray()));
    }

    private static string Number(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
