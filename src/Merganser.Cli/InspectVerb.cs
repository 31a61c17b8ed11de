using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Analysis;
using Merganser.Weights.Execution;

namespace Merganser.Cli;

/// <summary><c>inspect</c>: what a checkpoint consists of.</summary>
internal static class InspectVerb
{
    public static Command Create()
    {
        var path = new Argument<string>("model") { Description = "a model folder, or a safetensors, PyTorch or GGUF file" };
        var stats = new Option<bool>("--stats") { Description = "read all tensors: NaN and Inf counts, range, mean, deviation, norm" };
        var filter = new Option<string?>("--filter") { Description = "only tensors with this text in their name" };
        var summary = new Option<bool>("--summary") { Description = "leave the table of tensors out" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("inspect", "Show what a checkpoint consists of: tensors, element types, sizes, shards, tied weights") { path, stats, filter, summary, json };
        command.SetAction((parsed, cancellation) =>
        {
            using ModelFolder model = ModelFolder.Open(parsed.GetRequiredValue(path));
            string? wanted = parsed.GetValue(filter);
            TensorSource[] tensors = [.. model.Weights.Tensors.Values
                .Where(tensor => wanted is null || tensor.Info.Name.Contains(wanted, StringComparison.Ordinal))
                .OrderBy(tensor => tensor.Info.Name, NaturalOrder.Comparer)];
            if (wanted is not null && tensors.Length == 0)
                throw new MerganserException($"--filter: no tensor of {model.Path} has '{wanted}' in its name");
            TensorStatistics[]? statistics = null;
            if (parsed.GetValue(stats))
            {
                var progress = new MergeProgress();
                using (new RunDisplay("inspect", progress, parsed.InvocationConfiguration.Error))
                    statistics = TensorStatistics.Compute(tensors, progress.Track("reading", tensors.Length, tensors.Sum(tensor => tensor.Info.ByteCount)), cancellation);
            }

            TextWriter output = parsed.InvocationConfiguration.Output;
            var facts = CheckpointFacts.Of(model);
            if (parsed.GetValue(json))
                JsonText.Print(output, writer => PrintJson(writer, facts, tensors, statistics));
            else
                PrintText(output, facts, tensors, statistics, parsed.GetValue(summary));
            return Task.FromResult(0);
        });
        return command;
    }

    private static void PrintText(TextWriter output, CheckpointFacts facts, TensorSource[] tensors, TensorStatistics[]? statistics, bool summaryOnly)
    {
        output.WriteLine($"model        {facts.Path}");
        output.WriteLine($"architecture {facts.Architecture}");
        output.WriteLine($"layers       {facts.Layers}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"parameters   {facts.Parameters:N0} in {facts.Tensors} tensors, {ByteSize.Format(facts.Bytes)}"));
        output.WriteLine($"types        {string.Join(", ", facts.Types.Select(type => string.Create(CultureInfo.InvariantCulture, $"{type.Name} {type.Share:P1} ({type.Tensors} tensors)")))}");
        output.WriteLine($"files        {string.Join(", ", facts.Files.Select(file => $"{file.Name} ({ByteSize.Format(file.Bytes)})"))}");
        output.WriteLine($"head         {facts.Tied}");
        if (facts.SideFiles.Count > 0)
            output.WriteLine($"beside them  {string.Join(", ", facts.SideFiles)}");
        if (statistics is not null)
        {
            long bad = statistics.Sum(tensor => tensor.NaN + tensor.Infinite);
            output.WriteLine(bad == 0 ? "non-finite   none" : string.Create(CultureInfo.InvariantCulture, $"non-finite   {bad:N0} elements in {statistics.Count(tensor => tensor.NaN + tensor.Infinite > 0)} tensors"));
        }

        if (summaryOnly)
            return;
        output.WriteLine();
        string[] headings = statistics is null ? ["tensor", "type", "shape", "bytes"] : ["tensor", "type", "shape", "NaN", "Inf", "min", "max", "mean", "std", "norm"];
        var table = new TextTable(headings);
        for (int i = 0; i < tensors.Length; i++)
        {
            TensorInfo info = tensors[i].Info;
            string[] first = [info.Name, info.DType.SafetensorsName(), info.ShapeText];
            table.Add(statistics is null
                ? [.. first, ByteSize.Format(info.ByteCount)]
                : [.. first, Whole(statistics[i].NaN), Whole(statistics[i].Infinite), Short(statistics[i].Minimum), Short(statistics[i].Maximum), Short(statistics[i].Mean), Short(statistics[i].StandardDeviation), Short(statistics[i].Norm)]);
        }

        table.Print(output, 3);
    }

    private static void PrintJson(Utf8JsonWriter json, CheckpointFacts facts, TensorSource[] tensors, TensorStatistics[]? statistics)
    {
        json.WriteStartObject();
        json.WriteString("path", facts.Path);
        json.WriteString("architecture", facts.Architecture);
        json.WriteNumber("parameters", facts.Parameters);
        json.WriteNumber("bytes", facts.Bytes);
        json.WriteString("head", facts.Tied);
        json.WriteStartArray("files");
        foreach ((string name, long bytes) in facts.Files)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteNumber("bytes", bytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("tensors");
        for (int i = 0; i < tensors.Length; i++)
        {
            TensorInfo info = tensors[i].Info;
            json.WriteStartObject();
            json.WriteString("name", info.Name);
            json.WriteString("dtype", info.DType.SafetensorsName());
            json.WriteStartArray("shape");
            foreach (long extent in info.Shape)
                json.WriteNumberValue(extent);
            json.WriteEndArray();
            json.WriteNumber("bytes", info.ByteCount);
            if (statistics is not null)
            {
                json.WriteNumber("nan", statistics[i].NaN);
                json.WriteNumber("inf", statistics[i].Infinite);
                json.WriteNumber("zeros", statistics[i].Zeros);
                json.Number("min", statistics[i].Minimum);
                json.Number("max", statistics[i].Maximum);
                json.Number("mean", statistics[i].Mean);
                json.Number("std", statistics[i].StandardDeviation);
                json.Number("norm", statistics[i].Norm);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static string Whole(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Short(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
