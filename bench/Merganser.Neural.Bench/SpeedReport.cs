using System.Globalization;
using System.Runtime.Intrinsics;

namespace Merganser.Neural.Bench;

/// <summary>The page with all rows.</summary>
internal static class SpeedReport
{
    private static readonly string[] Formats = ["fp32", "bf16", "int8"];

    public static void Write(IReadOnlyCollection<SpeedRow> rows, TextWriter page)
    {
        page.WriteLine("# Speed of decoding and prefill on the processor");
        page.WriteLine();
        page.WriteLine("Written by `dotnet run -c Release --project bench/Merganser.Neural.Bench` with `prepare`, `measure` and `report`. Llama models with random weights and an untied head, batch 1, greedy:");
        foreach (ModelShape shape in ModelShape.All)
        {
            page.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"- **{shape.Name}**: width {shape.Width}, feed-forward {shape.Intermediate}, {shape.Layers} layers, {shape.Heads} heads ({shape.KeyHeads} of keys), vocabulary {shape.Vocabulary}; {shape.StepWeights / 1e6:F1}M weights read per token; {shape.New} new tokens behind a prompt of {shape.Prompt}."));
        }

        page.WriteLine();
        page.WriteLine($"Tokens per second of wall time, best of the runs. Vectors of {(Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128)} bits, {Environment.ProcessorCount} cores. The peers are measured with the same files right before or after; a dash: not there, or without that format.");
        page.WriteLine();
        page.WriteLine("## Decoding");
        page.WriteLine();
        page.WriteLine("Stream: GB/s of reading 512 MiB with as many threads; passes and tokens take turns, and the medians are compared. Limit: the stream divided by the bytes of weights and of keys and values that a token reads. int8 has one scale per row here, one for 32 weights in llama.cpp (Q8_0). llama.cpp keeps keys and values in half precision; here they are float32 beside fp32 weights, else bfloat16. Matrices of 15m fit in the third-level cache or nearly so: its ratio to the stream means nothing.");
        page.WriteLine();
        page.WriteLine("| shape | weights | threads | stream GB/s | limit | Merganser | by the median token | of the limit | transformers | llama.cpp | × transformers | × llama.cpp |");
        page.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (SpeedRow own in Ordered(rows, "decode"))
        {
            (double transformers, double llama) = (Rate(rows, own, SpeedRow.Transformers), Rate(rows, own, SpeedRow.LlamaCpp));
            page.WriteLine($"| {own.Shape} | {own.Format} | {own.Threads} | {Number(own.Machine)} | {Number(own.Limit)} | {Number(own.Rate)} | {Number(own.Median)} | {Ratio(own.Median, own.Limit)} | {Number(transformers)} | {Number(llama)} | {Ratio(own.Rate, transformers)} | {Ratio(own.Rate, llama)} |");
        }

        page.WriteLine();
        page.WriteLine("## Prefill");
        page.WriteLine();
        page.WriteLine("Prompts go through the network on libtorch, in float32 whatever the decoder's weights are (the default; libtorch multiplies bfloat16 slowly on processors without instructions for it), while the peers compute in the type named. GFLOP/s: libtorch's product of 1024×1024 matrices, measured beside. Limit: these divided by two operations for each weight of the blocks.");
        page.WriteLine();
        page.WriteLine("| shape | weights | threads | GFLOP/s | limit | Merganser | of the limit | transformers | llama.cpp | × transformers | × llama.cpp |");
        page.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (SpeedRow own in Ordered(rows, "prefill"))
        {
            (double transformers, double llama) = (Rate(rows, own, SpeedRow.Transformers), Rate(rows, own, SpeedRow.LlamaCpp));
            page.WriteLine($"| {own.Shape} | {own.Format} | {own.Threads} | {Number(own.Machine)} | {Number(own.Limit)} | {Number(own.Rate)} | {Ratio(own.Rate, own.Limit)} | {Number(transformers)} | {Number(llama)} | {Ratio(own.Rate, transformers)} | {Ratio(own.Rate, llama)} |");
        }
    }

    private static IEnumerable<SpeedRow> Ordered(IReadOnlyCollection<SpeedRow> rows, string work) => rows
        .Where(row => row.Work == work && row.Engine == SpeedRow.Own)
        .OrderBy(row => Array.FindIndex(ModelShape.All, shape => shape.Name == row.Shape))
        .ThenBy(row => Array.IndexOf(Formats, row.Format))
        .ThenBy(row => row.Threads);

    private static double Rate(IReadOnlyCollection<SpeedRow> rows, SpeedRow like, string engine) =>
        rows.FirstOrDefault(row => (row.Shape, row.Work, row.Format, row.Threads, row.Engine) == (like.Shape, like.Work, like.Format, like.Threads, engine))?.Rate ?? 0;

    private static string Number(double value) => value == 0 ? "–" : value.ToString(value < 10 ? "F2" : value < 100 ? "F1" : "F0", CultureInfo.InvariantCulture);

    private static string Ratio(double value, double to) => to == 0 ? "–" : (value / to).ToString("F2", CultureInfo.InvariantCulture);
}
