using System.Globalization;
using System.Net;
using System.Text;

namespace Merganser.Neural.Tokens;

/// <summary>The drawings of all blocks as one SVG, or as an HTML page of its own with a slider.</summary>
public static class GroupPage
{
    /// <summary>A drawing with the line under it.</summary>
    /// <param name="Caption">What is shown.</param>
    /// <param name="Png">The picture.</param>
    public sealed record Sheet(string Caption, byte[] Png);

    /// <summary>All side by side, four in a row.</summary>
    public static string Svg(string title, IReadOnlyList<Sheet> sheets, (int Height, int Width) size)
    {
        ArgumentNullException.ThrowIfNull(sheets);
        const int Columns = 4, Gap = 16, Line = 22, Top = 40;
        int shown = Math.Min(Columns, sheets.Count), lines = (sheets.Count + shown - 1) / shown, step = size.Height + Line + Gap;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{(shown * (size.Width + Gap)) + Gap}\" height=\"{Top + (lines * step)}\" font-family=\"sans-serif\" font-size=\"13\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{Gap}\" y=\"26\" font-size=\"16\">{WebUtility.HtmlEncode(title)}</text>\n");
        for (int i = 0; i < sheets.Count; i++)
        {
            int x = Gap + (i % shown * (size.Width + Gap)), y = Top + (i / shown * step);
            svg.Append(CultureInfo.InvariantCulture, $"<image x=\"{x}\" y=\"{y}\" width=\"{size.Width}\" height=\"{size.Height}\" href=\"data:image/png;base64,{Convert.ToBase64String(sheets[i].Png)}\"/>\n");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x}\" y=\"{y + size.Height + 16}\">{WebUtility.HtmlEncode(sheets[i].Caption)}</text>\n");
        }

        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>One at a time; a slider or the arrow keys choose the block.</summary>
    public static string Html(string title, IReadOnlyList<Sheet> sheets, (int Height, int Width) size)
    {
        ArgumentNullException.ThrowIfNull(sheets);
        string name = WebUtility.HtmlEncode(title);
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $$"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>{{name}}</title>
            <style>
            body { font: 15px sans-serif; margin: 2em auto; max-width: {{size.Width + 40}}px; color: #222; background: #fff }
            figure { display: none; margin: 0 } figure.shown { display: block }
            img { width: 100%; image-rendering: pixelated } input { width: 100% } figcaption { margin-top: .4em }
            </style></head><body>
            <h1 style="font-size: 1.2em">{{name}}</h1>
            <input id="block" type="range" min="0" max="{{sheets.Count - 1}}" value="{{sheets.Count - 1}}" aria-label="block">

            """);
        for (int i = 0; i < sheets.Count; i++)
            page.Append(CultureInfo.InvariantCulture, $"<figure{(i == sheets.Count - 1 ? " class=\"shown\"" : "")}><img alt=\"{WebUtility.HtmlEncode(sheets[i].Caption)}\" src=\"data:image/png;base64,{Convert.ToBase64String(sheets[i].Png)}\"><figcaption>{WebUtility.HtmlEncode(sheets[i].Caption)}</figcaption></figure>\n");
        return page.Append("""
            <script>
            const slider = document.getElementById("block"), figures = document.querySelectorAll("figure");
            slider.addEventListener("input", () => figures.forEach((figure, i) => figure.classList.toggle("shown", i == slider.value)));
            slider.focus();
            </script></body></html>

            """).ToString();
    }
}
