using System.Text.Json.Nodes;

namespace Merganser.Neural.Bench;

/// <summary>One figure: tokens per second of one engine, and the limit that was measured beside it.</summary>
/// <param name="Shape">The model.</param>
/// <param name="Work">decode or prefill.</param>
/// <param name="Format">fp32, bf16 or int8.</param>
/// <param name="Threads">The number of threads.</param>
/// <param name="Engine">Who did it.</param>
/// <param name="Rate">Tokens per second, best of the runs.</param>
/// <param name="Median">Tokens per second by the median time of a token; 0: not known.</param>
/// <param name="Machine">Of our own rows, GB/s that the machine streams or GFLOP/s that its matrix product does; else 0.</param>
/// <param name="Limit">Tokens per second that this allows.</param>
internal sealed record SpeedRow(string Shape, string Work, string Format, int Threads, string Engine, double Rate, double Median = 0, double Machine = 0, double Limit = 0)
{
    public const string Own = "Merganser", Transformers = "transformers", LlamaCpp = "llama.cpp";

    /// <summary>Adds a row to a file of rows, one JSON object a line.</summary>
    public void AppendTo(string path)
    {
        var row = new JsonObject
        {
            ["shape"] = Shape,
            ["work"] = Work,
            ["format"] = Format,
            ["threads"] = Threads,
            ["engine"] = Engine,
            ["rate"] = Rate,
            ["median"] = Median,
            ["machine"] = Machine,
            ["limit"] = Limit,
        };
        File.AppendAllText(path, row.ToJsonString() + "\n");
    }

    /// <summary>The rows of a file; of the same measurement the latest.</summary>
    public static IReadOnlyCollection<SpeedRow> Read(string path)
    {
        var rows = new Dictionary<(string, string, string, int, string), SpeedRow>();
        foreach (string line in File.ReadLines(path))
        {
            JsonNode row = JsonNode.Parse(line)!;
            var read = new SpeedRow((string)row["shape"]!, (string)row["work"]!, (string)row["format"]!, (int)row["threads"]!, (string)row["engine"]!, (double)row["rate"]!, (double)row["median"]!, (double)row["machine"]!, (double)row["limit"]!);
            rows[(read.Shape, read.Work, read.Format, read.Threads, read.Engine)] = read;
        }

        return rows.Values;
    }
}
