using System.Globalization;
using System.Text;

namespace Merganser.Experiments;

/// <summary>The result page of an experiment: Markdown with the picture beside it. Written by runs, never by hand.</summary>
public static class ResultPage
{
    /// <summary>Writes <c>id.md</c>, <c>id.svg</c> and, where there are single measurements, <c>id.jsonl</c>.</summary>
    /// <param name="experiment">What was run.</param>
    /// <param name="result">What it found.</param>
    /// <param name="command">The command that does it again.</param>
    /// <param name="time">How long it took.</param>
    /// <param name="folder">Where the files go.</param>
    /// <returns>The path of the page.</returns>
    public static string Write(Experiment experiment, ExperimentResult result, string command, TimeSpan time, string folder)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(result);
        Directory.CreateDirectory(folder);
        string page = Path.Combine(folder, experiment.Id + ".md");
        File.WriteAllText(Path.Combine(folder, experiment.Id + ".svg"), result.Plot.ToSvg());
        if (result.Lines is { } lines)
            File.WriteAllText(Path.Combine(folder, experiment.Id + ".jsonl"), string.Concat(lines.Select(line => line + "\n")));
        File.WriteAllText(page, Text(experiment, result, command, time));
        return page;
    }

    /// <summary>The page as text.</summary>
    public static string Text(Experiment experiment, ExperimentResult result, string command, TimeSpan time)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(result);
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"# {experiment.Title}: {result.VerdictText}\n\n");
        page.Append(CultureInfo.InvariantCulture, $"{experiment.Paper}. Written by `{command}` in {time.TotalSeconds:0} s; not edited.\n\n");
        page.Append(CultureInfo.InvariantCulture, $"Claim: {experiment.Claim}\n\nCompared with: {experiment.Baselines}\n\n");
        page.Append("| claim | figure | mean (95 % interval) | seeds | asked | verdict |\n|---|---|--:|--:|---|---|\n");
        int number = 0;
        foreach (Finding claim in result.Findings)
            page.Append(CultureInfo.InvariantCulture, $"| {++number} | {Escape(claim.Statement)} | {IntervalText(claim.Interval)} | {claim.Values.Count} | {claim.Condition} | **{claim.VerdictText}** |\n");
        foreach (ResultTable table in result.Tables)
        {
            page.Append(CultureInfo.InvariantCulture, $"\n## {table.Title}\n\n| {string.Join(" | ", table.Headings.Select(Escape))} |\n");
            page.Append(CultureInfo.InvariantCulture, $"|---|{string.Concat(Enumerable.Repeat("--:|", table.Headings.Count - 1))}\n");
            foreach (IReadOnlyList<string> row in table.Rows)
                page.Append(CultureInfo.InvariantCulture, $"| {string.Join(" | ", row.Select(Escape))} |\n");
        }

        page.Append(CultureInfo.InvariantCulture, $"\n![{experiment.Title}]({experiment.Id}.svg)\n");
        foreach (string note in result.Notes)
            page.Append(CultureInfo.InvariantCulture, $"\n{note}\n");
        return page.ToString();
    }

    /// <summary>"+0.031 (+0.012 to +0.050)".</summary>
    public static string IntervalText(Interval interval) => double.IsFinite(interval.Low)
        ? string.Create(CultureInfo.InvariantCulture, $"{interval.Mean:+0.000;-0.000;0.000} ({interval.Low:+0.000;-0.000;0.000} to {interval.High:+0.000;-0.000;0.000})")
        : string.Create(CultureInfo.InvariantCulture, $"{interval.Mean:+0.000;-0.000;0.000} (one seed)");

    private static string Escape(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
