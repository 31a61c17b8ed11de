using System.Globalization;
using System.Net;
using System.Text;
using Merganser.Checkpoints.Architectures;

namespace Merganser.Checkpoints.Analysis;

/// <summary>
/// Draws the relative change ‖b − a‖/‖a‖ of every tensor as an SVG picture: layers to the right, kinds of tensors downwards, tensors
/// outside the layers in a strip below. The colour scale goes from zero to the largest finite change.
/// </summary>
public static class HeatMap
{
    private const int Cell = 22;
    private const int Left = 330;
    private const int Top = 76;
    private const int LegendWidth = 200;
    private const string Blank = "#e8e8e8";

    // Dark to light, even in lightness, told apart by colour-blind eyes too.
    private static readonly (int R, int G, int B)[] Stops = [(22, 18, 62), (84, 30, 111), (162, 48, 103), (224, 91, 70), (249, 163, 49), (252, 240, 164)];

    /// <summary>The picture as SVG text.</summary>
    /// <param name="difference">The comparison to draw.</param>
    /// <param name="title">What is compared, such as <c>expert ← base</c>.</param>
    public static string Draw(CheckpointDifference difference, string title)
    {
        ArgumentNullException.ThrowIfNull(difference);
        (string, double, string)[] tensors =
        [
            .. difference.Tensors.Select(tensor => (
                tensor.Name, tensor.RelativeNorm, string.Create(CultureInfo.InvariantCulture, $"{tensor.Name}: {tensor.RelativeNorm:G4}, cosine {tensor.Cosine:F6}"))),
        ];
        return Draw(tensors, title, "relative change ‖b − a‖ / ‖a‖ of each tensor");
    }

    /// <summary>The picture of any value that every tensor has.</summary>
    /// <param name="tensors">The tensors: name, value (0 or more), text shown under the pointer.</param>
    /// <param name="title">What is shown of which models.</param>
    /// <param name="subtitle">What the values are.</param>
    public static string Draw(IReadOnlyList<(string Name, double Value, string Tip)> tensors, string title, string subtitle)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        List<(string Kind, int Layer, Drawn Tensor)> cells = [];
        List<Drawn> outside = [];
        foreach ((string tensor, double value, string tip) in tensors)
        {
            var drawn = new Drawn(tensor, value, tip);
            if (LayerName.TryParse(tensor, out LayerName name))
                cells.Add(($"{name.Prefix}.*.{name.Rest}", name.Layer, drawn));
            else
                outside.Add(drawn);
        }

        string[] kinds = [.. cells.Select(cell => cell.Kind).Distinct().Order(NaturalOrder.Comparer)];
        int[] layers = [.. cells.Select(cell => cell.Layer).Distinct().Order()];
        double most = tensors.Select(tensor => tensor.Value).Where(double.IsFinite).DefaultIfEmpty(0).Max();
        int gap = outside.Count > 0 && kinds.Length > 0 ? 46 : 0;
        int width = Left + (Math.Max(layers.Length, 12) * Cell) + 40;
        int height = Top + ((kinds.Length + outside.Count) * Cell) + gap + 46;

        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica, Arial, sans-serif\" font-size=\"11\">\n");
        svg.Append("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n");
        Text(svg, 16, 26, title, "start", "font-size=\"16\" font-weight=\"bold\"");
        Text(svg, 16, 45, subtitle, "start", "fill=\"#555\"");
        Legend(svg, width - LegendWidth - 40, 50, most);

        int y = Top;
        ILookup<string, (string Kind, int Layer, Drawn Tensor)> byKind = cells.ToLookup(cell => cell.Kind);
        foreach (string kind in kinds)
        {
            Text(svg, Left - 8, y + 15, Shorten(kind), "end", "fill=\"#222\"", kind);
            Dictionary<int, Drawn> row = byKind[kind].ToDictionary(cell => cell.Layer, cell => cell.Tensor);
            for (int i = 0; i < layers.Length; i++)
                Square(svg, Left + (i * Cell), y, row.GetValueOrDefault(layers[i]), most);
            y += Cell;
        }

        if (kinds.Length > 0)
        {
            int step = Math.Max(1, (layers.Length + 31) / 32);
            for (int i = 0; i < layers.Length; i += step)
                Text(svg, Left + (i * Cell) + (Cell / 2), y + 14, layers[i].ToString(CultureInfo.InvariantCulture), "middle", "fill=\"#555\"");
            Text(svg, Left + (layers.Length * Cell / 2), y + 30, "layer", "middle", "fill=\"#222\"");
            y += gap;
        }

        foreach (Drawn tensor in outside)
        {
            Text(svg, Left - 8, y + 15, Shorten(tensor.Name), "end", "fill=\"#222\"", tensor.Name);
            Square(svg, Left, y, tensor, most);
            y += Cell;
        }

        svg.Append("</svg>\n");
        return svg.ToString();
    }

    private static void Square(StringBuilder svg, int x, int y, Drawn? tensor, double most)
    {
        string colour = tensor is null ? Blank : double.IsFinite(tensor.Value) ? Colour(most > 0 ? tensor.Value / most : 0) : "#00a0a0";
        string tip = tensor?.Tip ?? "no such tensor";
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x + 1}\" y=\"{y + 1}\" width=\"{Cell - 2}\" height=\"{Cell - 2}\" rx=\"2\" fill=\"{colour}\"><title>{Escape(tip)}</title></rect>\n");
    }

    private static void Legend(StringBuilder svg, int x, int y, double most)
    {
        svg.Append("<defs><linearGradient id=\"scale\">");
        for (int i = 0; i <= 10; i++)
            svg.Append(CultureInfo.InvariantCulture, $"<stop offset=\"{i * 10}%\" stop-color=\"{Colour(i / 10.0)}\"/>");
        svg.Append("</linearGradient></defs>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x}\" y=\"{y - 32}\" width=\"{LegendWidth}\" height=\"10\" rx=\"2\" fill=\"url(#scale)\"/>\n");
        Text(svg, x, y - 10, "0", "start", "fill=\"#555\"");
        Text(svg, x + LegendWidth, y - 10, most.ToString("G3", CultureInfo.InvariantCulture), "end", "fill=\"#555\"");
    }

    private static string Colour(double share)
    {
        double place = Math.Clamp(share, 0, 1) * (Stops.Length - 1);
        int i = Math.Min((int)place, Stops.Length - 2);
        double t = place - i;
        int Mix(int from, int to) => (int)Math.Round(from + ((to - from) * t));
        return $"#{Mix(Stops[i].R, Stops[i + 1].R):x2}{Mix(Stops[i].G, Stops[i + 1].G):x2}{Mix(Stops[i].B, Stops[i + 1].B):x2}";
    }

    private static void Text(StringBuilder svg, int x, int y, string text, string anchor, string style, string? tip = null)
    {
        string title = tip is null ? "" : $"<title>{Escape(tip)}</title>";
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" {style}>{title}{Escape(text)}</text>\n");
    }

    private static string Shorten(string name) => name.Length <= 52 ? name : "…" + name[^51..];

    // Control characters cannot stand in XML at all, not even escaped.
    private static string Escape(string text) => WebUtility.HtmlEncode(new string([.. text.Select(c => char.IsControl(c) || char.IsSurrogate(c) || c is '\uFFFE' or '\uFFFF' ? '�' : c)]));

    private sealed record Drawn(string Name, double Value, string Tip);
}
