using System.Globalization;

namespace Merganser.Neural.Bench;

/// <summary>The page with all figures of token reduction.</summary>
internal static class TokenReport
{
    public static void Write(IReadOnlyCollection<TokenRow> rows, TextWriter page)
    {
        page.WriteLine("# Speed of token reduction on the processor");
        page.WriteLine();
        page.WriteLine("Written by `dotnet run -c Release --project bench/Merganser.Neural.Bench -- tokens` and `tokens-report`. ViT-S (width 384) and ViT-B (width 768), 12 blocks, 224², patches of 16, batch 8, float32, random weights.");
        page.WriteLine();
        page.WriteLine("## One block: plan and apply");
        page.WriteLine();
        page.WriteLine("Milliseconds for 8 images of 197 tokens, best and median of 240 runs: matching on a metric of width 64, features and sizes merged. Features lie in twelve buffers in turn, so that they come from memory. \"From the keys of all heads\": the mean over heads is made too, as in a model.");
        page.WriteLine();
        page.WriteLine("| shape | reducer | threads | r=4 | r=8 | r=13 | r=16 |");
        page.WriteLine("|---|---|---|---|---|---|---|");
        foreach (IGrouping<(string Shape, string Reducer, int Threads), TokenRow> line in rows.Where(row => row.Kind == "block").GroupBy(row => (row.Shape, row.Reducer, row.Threads)).OrderByDescending(line => line.Key.Shape).ThenBy(line => line.Key.Threads))
            page.WriteLine($"| {line.Key.Shape} | {line.Key.Reducer} | {line.Key.Threads} | {string.Join(" | ", line.OrderBy(row => row.Removed).Select(row => $"{Number(row.Best, "F2")} ({Number(row.Median, "F2")})"))} |");
        page.WriteLine();
        page.WriteLine("## Whole models");
        page.WriteLine();
        page.WriteLine("Images per second, best (median) of the rounds; every round runs all of them in random order. Speed-up: over the plain model of the same round, median. Ideal: the operations saved (1.70 for r = 13). Rounds in which a matrix product ran below 0.85 of its best do not count.");
        page.WriteLine();
        page.WriteLine("| shape | threads | reducer | r | images/s | speed-up | ideal | of the ideal |");
        page.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (TokenRow row in rows.Where(row => row.Kind == "model").OrderByDescending(row => row.Shape).ThenBy(row => row.Threads))
            page.WriteLine($"| {row.Shape} | {row.Threads} | {row.Reducer} | {row.Removed} | {Number(row.Best, "F1")} ({Number(row.Median, "F1")}) | {(row.Ratio == 0 ? "–" : Number(row.Ratio, "F2"))} | {Number(row.Ideal, "F2")} | {(row.Ratio == 0 ? "–" : Number(row.Ratio / row.Ideal, "F2"))} |");
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
