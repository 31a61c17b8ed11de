using System.Globalization;
using System.Net;
using System.Text;

namespace Merganser.Neural.Training;

/// <summary>Draws curves as SVG, one panel below the other, each with its own scale; empty curves are left out.</summary>
public static class CurvePlot
{
    private const int Left = 70, Width = 640, PanelHeight = 170, Gap = 44, Top = 50;
    private static readonly string[] Colours = ["#1f5fa8", "#c4501b", "#2a7f45", "#7a3f98"];

    /// <summary>A named curve.</summary>
    /// <param name="Name">What is shown.</param>
    /// <param name="Points">Its points, from left to right.</param>
    public sealed record Curve(string Name, IReadOnlyList<(int X, double Y)> Points);

    /// <summary>The picture as SVG text.</summary>
    public static string Draw(string title, string axis, params IReadOnlyList<Curve> curves)
    {
        Curve[] shown = [.. curves.Select(curve => new Curve(curve.Name, [.. curve.Points.Where(point => double.IsFinite(point.Y))])).Where(curve => curve.Points.Count > 0)];
        int last = shown.SelectMany(curve => curve.Points).Select(point => point.X).DefaultIfEmpty(1).Max();
        int height = Top + (Math.Max(1, shown.Length) * (PanelHeight + Gap));
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Left + Width + 30}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{Left}\" y=\"26\" font-size=\"16\">{WebUtility.HtmlEncode(title)}</text>\n");
        for (int i = 0; i < shown.Length; i++)
            Panel(svg, shown[i], Top + (i * (PanelHeight + Gap)), Math.Max(1, last), Colours[i % Colours.Length], axis);
        return svg.Append("</svg>\n").ToString();
    }

    private static void Panel(StringBuilder svg, Curve curve, int top, int last, string colour, string axis)
    {
        double low = curve.Points.Min(point => point.Y), high = curve.Points.Max(point => point.Y);
        if (high - low < 1e-12)
            (low, high) = (low - 0.5, high + 0.5);
        int bottom = top + PanelHeight;
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left}\" y=\"{top - 5}\" fill=\"{colour}\">{WebUtility.HtmlEncode(curve.Name)}</text>\n");
        for (int tick = 0; tick <= 4; tick++)
        {
            double y = bottom - (PanelHeight * tick / 4.0), value = low + ((high - low) * tick / 4);
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" x2=\"{Left + Width}\" y1=\"{y:F1}\" y2=\"{y:F1}\" stroke=\"#dddddd\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left - 6}\" y=\"{y + 4:F1}\" text-anchor=\"end\">{value:G4}</text>\n");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left}\" y=\"{bottom + 15}\">0</text><text x=\"{Left + Width}\" y=\"{bottom + 15}\" text-anchor=\"end\">{WebUtility.HtmlEncode(axis)} {last}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"");
        foreach ((int x, double y) in curve.Points)
            svg.Append(CultureInfo.InvariantCulture, $"{Left + ((double)x / last * Width):F1},{bottom - ((y - low) / (high - low) * PanelHeight):F1} ");
        svg.Append("\"/>\n");
    }
}
