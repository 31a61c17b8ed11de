using System.Globalization;
using System.Net;
using System.Text;

namespace Merganser.Experiments;

/// <summary>A line of a plot: one list of values (one per seed) for every place on the horizontal axis; empty lists are left out.</summary>
/// <param name="Name">What the legend calls it.</param>
/// <param name="Values">Values per place.</param>
public sealed record PlotSeries(string Name, IReadOnlyList<IReadOnlyList<double>> Values);

/// <summary>A plot of means over seeds with their smallest and largest values, as SVG.</summary>
/// <param name="Title">Above the plot.</param>
/// <param name="Places">Labels along the horizontal axis.</param>
/// <param name="Axis">What the vertical axis shows.</param>
/// <param name="Series">The lines.</param>
public sealed record ResultPlot(string Title, IReadOnlyList<string> Places, string Axis, IReadOnlyList<PlotSeries> Series)
{
    private const int Left = 70, Top = 50, Width = 520, Height = 320, Legend = 230;
    private static readonly string[] Colours = ["#1f5fa8", "#c4501b", "#2a7f45", "#7a3f98", "#8a6d1d", "#b02a5b", "#3a8f9e", "#555555", "#93a01f", "#4f4fc4"];

    /// <summary>The picture as SVG text.</summary>
    public string ToSvg()
    {
        double[] all = [.. Series.SelectMany(series => series.Values).SelectMany(values => values).Where(double.IsFinite)];
        (double low, double high) = all.Length == 0 ? (0, 1) : (all.Min(), all.Max());
        double margin = Math.Max(0.02, 0.05 * (high - low));
        (low, high) = (low - margin, high + margin);

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Left + Width + Legend}\" height=\"{Top + Height + 60}\" font-family=\"sans-serif\" font-size=\"12\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{Left}\" y=\"24\" font-size=\"15\">{WebUtility.HtmlEncode(Title)}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left}\" y=\"42\" fill=\"#555555\">{WebUtility.HtmlEncode(Axis)}</text>\n");
        for (int tick = 0; tick <= 5; tick++)
        {
            double value = low + ((high - low) * tick / 5), y = Vertical(value, low, high);
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" x2=\"{Left + Width}\" y1=\"{y:F1}\" y2=\"{y:F1}\" stroke=\"#e2e2e2\"/><text x=\"{Left - 6}\" y=\"{y + 4:F1}\" text-anchor=\"end\">{value:0.00}</text>\n");
        }

        for (int place = 0; place < Places.Count; place++)
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Horizontal(place, 0):F1}\" y=\"{Top + Height + 18}\" text-anchor=\"middle\">{WebUtility.HtmlEncode(Places[place])}</text>\n");
        for (int series = 0; series < Series.Count; series++)
            Draw(svg, series, low, high);
        return svg.Append("</svg>\n").ToString();
    }

    private void Draw(StringBuilder svg, int index, double low, double high)
    {
        string colour = Colours[index % Colours.Length];
        double shift = (index - ((Series.Count - 1) / 2.0)) * 4;
        var line = new StringBuilder();
        for (int place = 0; place < Math.Min(Places.Count, Series[index].Values.Count); place++)
        {
            double[] values = [.. Series[index].Values[place].Where(double.IsFinite)];
            if (values.Length == 0)
                continue;
            double x = Horizontal(place, shift), y = Vertical(values.Average(), low, high);
            line.Append(CultureInfo.InvariantCulture, $"{x:F1},{y:F1} ");
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x:F1}\" x2=\"{x:F1}\" y1=\"{Vertical(values.Min(), low, high):F1}\" y2=\"{Vertical(values.Max(), low, high):F1}\" stroke=\"{colour}\" stroke-opacity=\"0.4\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{x:F1}\" cy=\"{y:F1}\" r=\"3.5\" fill=\"{colour}\"/>\n");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{line.ToString().TrimEnd()}\"/>\n");
        int legend = Top + 12 + (index * 18);
        svg.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{Left + Width + 18}\" cy=\"{legend - 4}\" r=\"4\" fill=\"{colour}\"/><text x=\"{Left + Width + 28}\" y=\"{legend}\">{WebUtility.HtmlEncode(Series[index].Name)}</text>\n");
    }

    private double Horizontal(int place, double shift) => Left + ((place + 0.5) * Width / Math.Max(1, Places.Count)) + shift;

    private static double Vertical(double value, double low, double high) => Top + Height - ((value - low) / (high - low) * Height);
}
