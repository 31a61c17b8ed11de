using System.Text.Json.Nodes;

namespace Merganser.Neural.Bench;

/// <summary>One figure of token reduction.</summary>
/// <param name="Kind">block: milliseconds of plan and apply; model: images per second.</param>
/// <param name="Shape">vit-s or vit-b.</param>
/// <param name="Reducer">The reducer, plain for none, or the name of a peer.</param>
/// <param name="Removed">Tokens that leave in every block.</param>
/// <param name="Threads">The number of threads.</param>
/// <param name="Best">The best of the runs.</param>
/// <param name="Median">The middle of the runs.</param>
/// <param name="Ratio">Of models: the median over the rounds of the speed relative to the plain model in the same round.</param>
/// <param name="Ideal">Of models: the operations of the plain model over those of this one.</param>
internal sealed record TokenRow(string Kind, string Shape, string Reducer, int Removed, int Threads, double Best, double Median, double Ratio = 0, double Ideal = 0)
{
    /// <summary>Adds the row to a file of rows, one JSON object a line.</summary>
    public void AppendTo(string path) => File.AppendAllText(path, new JsonObject
    {
        ["kind"] = Kind,
        ["shape"] = Shape,
        ["reducer"] = Reducer,
        ["removed"] = Removed,
        ["threads"] = Threads,
        ["best"] = Best,
        ["median"] = Median,
        ["ratio"] = Ratio,
        ["ideal"] = Ideal,
    }.ToJsonString() + "\n");

    /// <summary>The rows of a file; of the same measurement the latest.</summary>
    public static IReadOnlyCollection<TokenRow> Read(string path)
    {
        var rows = new Dictionary<(string, string, string, int, int), TokenRow>();
        foreach (string line in File.ReadLines(path))
        {
            JsonNode row = JsonNode.Parse(line)!;
            var read = new TokenRow((string)row["kind"]!, (string)row["shape"]!, (string)row["reducer"]!, (int)row["removed"]!, (int)row["threads"]!, (double)row["best"]!, (double)row["median"]!, (double)row["ratio"]!, (double)row["ideal"]!);
            rows[(read.Kind, read.Shape, read.Reducer, read.Removed, read.Threads)] = read;
        }

        return rows.Values;
    }
}
