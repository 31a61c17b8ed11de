using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Analysis;
using Merganser.Weights.Tools;

namespace Merganser.Cli;

/// <summary><c>merganser change-map base model…</c></summary>
internal static class ChangeMapVerb
{
    public static Command Create()
    {
        var baseModel = new Argument<string>("base") { Description = "the model that the others were made from" };
        var models = new Argument<string[]>("models") { Description = "fine-tuned models", Arity = ArgumentArity.OneOrMore };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var rows = new Option<bool>("--rows") { Description = "with --json: the mean change of every row of every tensor too" };
        var svg = new Option<string?>("--svg") { Description = "draw a heat map by layer and kind into this file; with several models one file each, numbered" };
        var command = new Command("change-map", "Show in which layers fine-tuning changed models: mean |Δ| by kind, share of the total squared change by layer.") { baseModel, models, json, rows, svg };
        command.SetAction((parsed, cancellation) =>
        {
            string[] paths = parsed.GetRequiredValue(models);
            var maps = new List<ChangeMap>();
            using ModelFolder old = ModelFolder.Open(parsed.GetRequiredValue(baseModel));
            foreach (string path in paths)
            {
                cancellation.ThrowIfCancellationRequested();
                using ModelFolder model = ModelFolder.Open(path);
                maps.Add(ChangeMap.Compute(old, model));
            }

            if (parsed.GetValue(svg) is { } file)
                Draw(maps, file, parsed.GetRequiredValue(baseModel));
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
                JsonText.Print(output, writer => PrintJson(writer, maps, parsed.GetValue(rows)));
            else
                maps.ForEach(map => PrintText(output, map));
            return Task.FromResult(0);
        });
        return command;
    }

    private static void Draw(List<ChangeMap> maps, string file, string baseModel)
    {
        for (int i = 0; i < maps.Count; i++)
        {
            string path = maps.Count == 1 ? file : Path.ChangeExtension(file, $"{i + 1}{Path.GetExtension(file)}");
            (string, double, string)[] cells =
                [.. maps[i].Tensors.Select(tensor => (tensor.Name, tensor.MeanChange, string.Create(CultureInfo.InvariantCulture, $"{tensor.Name}: {tensor.MeanChange:G4}")))];
            TextFile.Write(path, HeatMap.Draw(cells, $"{maps[i].Model} against {baseModel}", "mean |Δ| of each tensor"));
        }
    }

    /// <summary>A row for each layer, a column for each kind that most layers have.</summary>
    private static void PrintText(TextWriter output, ChangeMap map)
    {
        output.WriteLine($"{map.Model}");
        string[] kinds = [.. map.Tensors.Where(tensor => tensor.Layer >= 0).Select(tensor => tensor.Kind).Distinct(StringComparer.Ordinal)];
        var table = new TextTable(["layer", "share", .. kinds.Select(Short)]);
        ILookup<int, TensorChange> byLayer = map.Tensors.ToLookup(tensor => tensor.Layer);
        for (int layer = 0; layer < map.LayerShares.Count; layer++)
        {
            Dictionary<string, TensorChange> row = byLayer[layer].ToDictionary(tensor => tensor.Kind, StringComparer.Ordinal);
            table.Add([Text(layer, "F0"), Text(100 * map.LayerShares[layer], "F2") + " %", .. kinds.Select(kind => row.TryGetValue(kind, out TensorChange? tensor) ? Text(tensor.MeanChange, "G3") : "")]);
        }

        table.Print(output, 1);
        foreach (TensorChange tensor in byLayer[-1])
            output.WriteLine($"{tensor.Name}: {Text(tensor.MeanChange, "G3")}, {Text(map.TotalSquaredChange > 0 ? 100 * tensor.SquaredChange / map.TotalSquaredChange : 0, "F2")} %");
        output.WriteLine();
    }

    private static string Short(string kind)
    {
        string bare = kind.EndsWith(".weight", StringComparison.Ordinal) ? kind[..^".weight".Length] : kind;
        return bare.Length <= 14 ? bare : bare[(bare.LastIndexOf('.', bare.Length - 6) + 1)..];
    }

    private static void PrintJson(Utf8JsonWriter json, List<ChangeMap> maps, bool withRows)
    {
        json.WriteStartArray();
        foreach (ChangeMap map in maps)
        {
            json.WriteStartObject();
            json.WriteString("model", map.Model);
            json.Number("total_squared_change", map.TotalSquaredChange);
            json.WriteStartArray("layer_shares");
            foreach (double share in map.LayerShares)
                json.WriteNumberValue(share);
            json.WriteEndArray();
            json.WriteStartArray("tensors");
            foreach (TensorChange tensor in map.Tensors)
                Print(json, tensor, withRows);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Print(Utf8JsonWriter json, TensorChange tensor, bool withRows)
    {
        json.WriteStartObject();
        json.WriteString("name", tensor.Name);
        json.WriteNumber("layer", tensor.Layer);
        json.WriteString("kind", tensor.Kind);
        json.Number("mean_change", tensor.MeanChange);
        json.Number("squared_change", tensor.SquaredChange);
        if (withRows)
        {
            json.WriteStartArray("row_changes");
            foreach (double row in tensor.RowChanges)
                json.WriteNumberValue(double.IsFinite(row) ? row : 0);
            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
