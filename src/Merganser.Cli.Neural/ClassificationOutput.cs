using System.CommandLine;
using System.Globalization;

namespace Merganser.Cli.Neural;

/// <summary>Prints classes as lines, JSON or CSV, and the accuracy where the inputs are labelled.</summary>
internal sealed class ClassificationOutput
{
    private readonly Option<int> _top = new("--top-k", "-k") { Description = "how many classes are printed", DefaultValueFactory = _ => 1 };
    private readonly Option<bool> _json = new("--json") { Description = "print JSON" };
    private readonly Option<bool> _csv = new("--csv") { Description = "print CSV" };
    private readonly Option<bool> _summary = new("--summary") { Description = "print the accuracy only" };

    public void AddTo(Command command)
    {
        foreach (Option option in (ReadOnlySpan<Option>)[_top, _json, _csv, _summary])
            command.Add(option);
    }

    /// <summary>Wrong options are told before the model is loaded.</summary>
    public void Check(ParseResult parsed)
    {
        if (parsed.GetValue(_top) < 1)
            throw new MerganserException($"--top-k is {parsed.GetValue(_top)}; it must be at least 1");
        if (parsed.GetValue(_json) && parsed.GetValue(_csv))
            throw new MerganserException("give either --json or --csv, not both");
    }

    public void Print<T>(ParseResult parsed, IReadOnlyList<string> labels, List<InputItem<T>> items, List<float[]> results)
    {
        TextWriter output = parsed.InvocationConfiguration.Output;
        int top = Math.Min(parsed.GetValue(_top), labels.Count);
        int[][] best = [.. results.Select(row => Best(row, top))];
        (int right, int known) = Accuracy(labels, items, best, parsed.InvocationConfiguration.Error);
        if (parsed.GetValue(_json))
        {
            PrintJson(output, labels, items, results, best, (right, known), parsed.GetValue(_summary));
            return;
        }

        bool csv = parsed.GetValue(_csv);
        if (!parsed.GetValue(_summary))
        {
            if (csv)
                output.WriteLine(string.Join(',', (IEnumerable<string>)["input", "expected", .. Enumerable.Range(1, top).Select(rank => string.Create(CultureInfo.InvariantCulture, $"label_{rank},score_{rank}"))]));
            for (int i = 0; i < items.Count; i++)
            {
                output.WriteLine(csv
                    ? string.Join(',', (IEnumerable<string>)[Quoted(items[i].Name), Quoted(items[i].Label ?? ""), .. best[i].Select(label => $"{Quoted(labels[label])},{Number(results[i][label], "R")}")])
                    : string.Join('\t', (IEnumerable<string>)[items[i].Name, .. best[i].Select(label => $"{labels[label]} {Number(results[i][label], "F4")}")]));
            }
        }

        if (known > 0 && !csv)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"accuracy {(double)right / known:P2} ({right:N0} of {known:N0})"));
        else if (parsed.GetValue(_summary))
            throw new MerganserException("there is no accuracy: no input has a class that is one of the model's");
    }

    private static void PrintJson<T>(TextWriter output, IReadOnlyList<string> labels, List<InputItem<T>> items, List<float[]> results, int[][] best, (int Right, int Known) accuracy, bool summary) => JsonText.Print(output, json =>
    {
        json.WriteStartObject();
        if (accuracy.Known > 0)
        {
            json.WriteNumber("accuracy", (double)accuracy.Right / accuracy.Known);
            json.WriteNumber("labelled", accuracy.Known);
        }

        if (!summary)
        {
            json.WriteStartArray("results");
            for (int i = 0; i < items.Count; i++)
            {
                json.WriteStartObject();
                json.WriteString("input", items[i].Name);
                if (items[i].Label is { } expected)
                    json.WriteString("expected", expected);
                json.WriteStartArray("classes");
                foreach (int label in best[i])
                {
                    json.WriteStartObject();
                    json.WriteString("label", labels[label]);
                    json.Number("score", results[i][label]);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    });

    /// <summary>The classes of the greatest scores; of equal ones the first.</summary>
    private static int[] Best(float[] scores, int count)
    {
        int[] order = [.. Enumerable.Range(0, scores.Length)];
        Array.Sort(order, (a, b) => scores[b] != scores[a] ? scores[b].CompareTo(scores[a]) : a.CompareTo(b));
        return order[..Math.Min(count, order.Length)];
    }

    private static (int Right, int Known) Accuracy<T>(IReadOnlyList<string> labels, List<InputItem<T>> items, int[][] best, TextWriter error)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < labels.Count; i++)
            places.TryAdd(labels[i], i);
        int right = 0, known = 0;
        string? unknown = null;
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Label is not { } label)
                continue;
            if (!places.TryGetValue(label, out int place) && !(int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out place) && place < labels.Count))
            {
                unknown ??= label;
                continue;
            }

            known++;
            right += best[i][0] == place ? 1 : 0;
        }

        if (unknown is not null)
            error.WriteLine($"classify: the class '{unknown}' is none of the model's (id2label in config.json); inputs of such classes do not count for the accuracy");
        return (right, known);
    }

    private static string Number(float value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Quoted(string text) => text.AsSpan().IndexOfAny(",\"\r\n") < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
