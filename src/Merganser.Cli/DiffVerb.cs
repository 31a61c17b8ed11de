using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Analysis;
using Merganser.Weights.Execution;

namespace Merganser.Cli;

/// <summary><c>diff</c>: how far the weights of one checkpoint are from those of another.</summary>
internal static class DiffVerb
{
    public static Command Create()
    {
        var first = new Argument<string>("a") { Description = "the checkpoint that changes are relative to" };
        var second = new Argument<string>("b") { Description = "the other checkpoint" };
        var filter = new Option<string?>("--filter") { Description = "only tensors with this text in their name" };
        var sort = new Option<string>("--sort") { Description = "relative (largest change first), max, cosine or name", DefaultValueFactory = _ => "relative" };
        var top = new Option<int>("--top") { Description = "print only so many tensors; 0 for all", DefaultValueFactory = _ => 0 };
        var svg = new Option<string?>("--svg") { Description = "draw a heat map by layer and kind of tensor into this file" };
        var exitCode = new Option<bool>("--exit-code") { Description = "exit with 1 when anything differs (without it, differences are no failure)" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        sort.AcceptOnlyFromAmong("relative", "max", "cosine", "name");
        var command = new Command("diff", "Compare two checkpoints tensor by tensor") { first, second, filter, sort, top, svg, exitCode, json };
        command.SetAction((parsed, cancellation) =>
        {
            string a = parsed.GetRequiredValue(first);
            string b = parsed.GetRequiredValue(second);
            using Checkpoint before = CheckpointReader.Open(a);
            using Checkpoint after = CheckpointReader.Open(b);
            var progress = new MergeProgress();
            CheckpointDifference difference;
            using (new RunDisplay("diff", progress, parsed.InvocationConfiguration.Error))
            {
                long bytes = before.Tensors.Values.Concat(after.Tensors.Values).Sum(tensor => tensor.Info.ByteCount);
                difference = CheckpointDifference.Compute(before, after, parsed.GetValue(filter), progress.Track("comparing", before.Tensors.Count, bytes), cancellation);
            }

            if (parsed.GetValue(svg) is { } picture)
                Save(picture, HeatMap.Draw(difference, $"{Name(b)} against {Name(a)}"));
            TextWriter output = parsed.InvocationConfiguration.Output;
            TensorComparison[] sorted = Sort(difference, parsed.GetRequiredValue(sort));
            if (parsed.GetValue(json))
                JsonText.Print(output, writer => PrintJson(writer, difference, sorted));
            else
                PrintText(output, difference, sorted, parsed.GetValue(top));
            return Task.FromResult(parsed.GetValue(exitCode) && !difference.IsEqual ? 1 : 0);
        });
        return command;
    }

    private static TensorComparison[] Sort(CheckpointDifference difference, string by) => by switch
    {
        "relative" => [.. difference.Tensors.OrderByDescending(tensor => tensor.RelativeNorm)],
        "max" => [.. difference.Tensors.OrderByDescending(tensor => tensor.MaxDifference)],
        "cosine" => [.. difference.Tensors.OrderBy(tensor => tensor.Cosine)],
        _ => [.. difference.Tensors],
    };

    private static void PrintText(TextWriter output, CheckpointDifference difference, TensorComparison[] sorted, int top)
    {
        int equal = sorted.Count(tensor => tensor.IsEqual);
        output.WriteLine($"{sorted.Length} tensors in both, {equal} of them equal; {difference.OnlyInFirst.Length} only in a, {difference.OnlyInSecond.Length} only in b, {difference.Shapes.Length} of different shape");
        foreach (string name in difference.OnlyInFirst)
            output.WriteLine($"  only in a: {name}");
        foreach (string name in difference.OnlyInSecond)
            output.WriteLine($"  only in b: {name}");
        foreach (ShapeDifference shape in difference.Shapes)
            output.WriteLine($"  shape: {shape.Name} {shape.First} and {shape.Second}");
        TensorComparison[] shown = [.. (top > 0 ? sorted.Take(top) : sorted).Where(tensor => !tensor.IsEqual)];
        if (shown.Length == 0)
            return;
        output.WriteLine();
        var table = new TextTable("tensor", "shape", "max |b-a|", "mean |b-a|", "cosine", "relative", "same sign", "non-finite");
        foreach (TensorComparison tensor in shown)
        {
            table.Add(
                tensor.Name, $"[{string.Join(", ", tensor.Shape)}]", Text(tensor.MaxDifference, "G4"), Text(tensor.MeanDifference, "G4"), Text(tensor.Cosine, "F6"),
                Text(tensor.RelativeNorm, "G4"), Text(tensor.SignAgreement, "P2"), tensor.NonFinite.ToString(CultureInfo.InvariantCulture));
        }

        table.Print(output, 2);
    }

    private static void PrintJson(Utf8JsonWriter json, CheckpointDifference difference, TensorComparison[] sorted)
    {
        json.WriteStartObject();
        json.WriteBoolean("equal", difference.IsEqual);
        Names(json, "only_in_a", difference.OnlyInFirst);
        Names(json, "only_in_b", difference.OnlyInSecond);
        Names(json, "different_shape", difference.Shapes.Select(shape => shape.Name));
        json.WriteStartArray("tensors");
        foreach (TensorComparison tensor in sorted)
        {
            json.WriteStartObject();
            json.WriteString("name", tensor.Name);
            json.Number("max_difference", tensor.MaxDifference);
            json.Number("mean_difference", tensor.MeanDifference);
            json.Number("cosine", tensor.Cosine);
            json.Number("relative_norm", tensor.RelativeNorm);
            json.Number("sign_agreement", tensor.SignAgreement);
            json.WriteNumber("non_finite", tensor.NonFinite);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Names(Utf8JsonWriter json, string key, IEnumerable<string> names)
    {
        json.WriteStartArray(key);
        foreach (string name in names)
            json.WriteStringValue(name);
        json.WriteEndArray();
    }

    private static void Save(string path, string text)
    {
        try
        {
            File.WriteAllText(path, text, new UTF8Encoding(false));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be written: {e.Message}", e);
        }
    }

    private static string Name(string path) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
