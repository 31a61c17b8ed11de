using System.Globalization;
using System.Net;
using System.Text;

namespace Merganser.Neural.Tokens;

/// <summary>Accuracy over operations, one curve per reducer, as SVG.</summary>
public static class TradeOffPlot
{
    private const int Left = 64, Top = 44, Width = 560, Height = 340, Legend = 150;
    private static readonly string[] Colours = ["#1f5fa8", "#c4501b", "#2a7f45", "#7a3f98", "#8a6d00", "#b0305c", "#3a8f99", "#666666", "#94621d"];

    /// <summary>The picture as SVG text; the whole model is a line across.</summary>
    public static string Draw(string title, IReadOnlyList<SweepRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        double low = Math.Floor(rows.Min(row => row.AccuracyInterval.Low) * 20) / 20, high = Math.Ceiling(rows.Max(row => row.AccuracyInterval.High) * 20) / 20;
        double least = Math.Floor(rows.Min(row => row.Part) * 10) / 10;
        if (high <= low)
            high = low + 0.05;
        double X(double part) => Left + ((part - least) / Math.Max(1e-9, 1 - least) * Width);
        double Y(double accuracy) => Top + ((high - accuracy) / (high - low) * Height);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Left + Width + Legend}\" height=\"{Top + Height + 56}\" font-family=\"sans-serif\" font-size=\"12\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{Left}\" y=\"24\" font-size=\"16\">{WebUtility.HtmlEncode(title)}</text>\n");
        for (int tick = 0; tick <= 5; tick++)
        {
            double accuracy = low + ((high - low) * tick / 5), part = least + ((1 - least) * tick / 5);
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" x2=\"{Left + Width}\" y1=\"{Y(accuracy):F1}\" y2=\"{Y(accuracy):F1}\" stroke=\"#e2e2e2\"/><text x=\"{Left - 6}\" y=\"{Y(accuracy) + 4:F1}\" text-anchor=\"end\">{accuracy * 100:0.#} %</text>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{X(part):F1}\" y=\"{Top + Height + 18}\" text-anchor=\"middle\">{part * 100:0.#} %</text>\n");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left + (Width / 2)}\" y=\"{Top + Height + 42}\" text-anchor=\"middle\">operations per image, of the whole model's</text>\n");
        if (rows.FirstOrDefault(row => row.Reducer == "none") is { } whole)
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" x2=\"{Left + Width}\" y1=\"{Y(whole.Accuracy):F1}\" y2=\"{Y(whole.Accuracy):F1}\" stroke=\"#222222\" stroke-dasharray=\"5 4\"/>\n<text x=\"{Left + Width + 6}\" y=\"{Y(whole.Accuracy) + 4:F1}\">whole model</text>\n");
        int curve = 0;
        foreach (IGrouping<string, SweepRow> group in rows.Where(row => row.Reducer != "none").GroupBy(row => row.Reducer))
        {
            string colour = Colours[curve % Colours.Length];
            SweepRow[] points = [.. group.OrderBy(row => row.Part)];
            svg.Append(CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" points=\"{string.Join(' ', points.Select(row => string.Create(CultureInfo.InvariantCulture, $"{X(row.Part):F1},{Y(row.Accuracy):F1}")))}\"/>\n");
            foreach (SweepRow row in points)
            {
                svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{X(row.Part):F1}\" x2=\"{X(row.Part):F1}\" y1=\"{Y(row.AccuracyInterval.Low):F1}\" y2=\"{Y(row.AccuracyInterval.High):F1}\" stroke=\"{colour}\" stroke-opacity=\"0.45\"/>");
                svg.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{X(row.Part):F1}\" cy=\"{Y(row.Accuracy):F1}\" r=\"3.2\" fill=\"{colour}\"><title>{WebUtility.HtmlEncode($"{row.Reducer} {row.Budget}")}</title></circle>\n");
            }

            int y = Top + Height - 16 - (18 * curve);
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{Left + Width + 8}\" y=\"{y - 9}\" width=\"12\" height=\"10\" fill=\"{colour}\"/><text x=\"{Left + Width + 26}\" y=\"{y}\">{WebUtility.HtmlEncode(group.Key)}</text>\n");
            curve++;
        }

        return svg.Append("</svg>\n").ToString();
    }
}
