using System.Globalization;
using System.Net;
using System.Text;

namespace Merganser.Tokenizers;

/// <summary>A self-contained page: a vocabulary, coloured tokens of a text, tables of a comparison.</summary>
public sealed class TokenizerPage
{
    private const string Style = """
        body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
        table{border-collapse:collapse;margin:1rem 0}th,td{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:right}
        th:first-child,td:first-child{text-align:left}.t{white-space:pre-wrap;font-family:ui-monospace,monospace;border-radius:3px}
        .c0{background:#cfe8ff}.c1{background:#ffe2c4}.c2{background:#d6f5d0}.c3{background:#f5d3ef}.c4{background:#f3f0b4}
        p.text{line-height:1.9}
        @media (prefers-color-scheme:dark){body{background:#181818;color:#ddd}th,td{border-color:#444}
        .c0{background:#1d4a70}.c1{background:#6b431a}.c2{background:#2a5a24}.c3{background:#5c2a54}.c4{background:#57531a}}
        """;

    private readonly StringBuilder _body = new();
    private readonly string _title;

    /// <summary>Begins a page.</summary>
    public TokenizerPage(string title)
    {
        _title = title;
        _body.Append(CultureInfo.InvariantCulture, $"<h1>{Text(title)}</h1>\n");
    }

    /// <summary>Adds a heading.</summary>
    public void Heading(string text) => _body.Append(CultureInfo.InvariantCulture, $"<h2>{Text(text)}</h2>\n");

    /// <summary>Adds a table.</summary>
    public void Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        ArgumentNullException.ThrowIfNull(headings);
        ArgumentNullException.ThrowIfNull(rows);
        _body.Append("<table><tr>");
        foreach (string heading in headings)
            _body.Append(CultureInfo.InvariantCulture, $"<th>{Text(heading)}</th>");
        _body.Append("</tr>\n");
        foreach (IReadOnlyList<string> row in rows)
        {
            _body.Append("<tr>");
            foreach (string cell in row)
                _body.Append(CultureInfo.InvariantCulture, $"<td>{Text(cell)}</td>");
            _body.Append("</tr>\n");
        }

        _body.Append("</table>\n");
    }

    /// <summary>Adds a text with its tokens in turning colours; the id shows under the pointer.</summary>
    public void Tokens(string text, Encoding encoding)
    {
        ArgumentNullException.ThrowIfNull(text);
        _body.Append("<p class=\"text\">");
        foreach (TokenPiece piece in TokenPiece.Cut(text, encoding))
        {
            if (piece.Colour < 0)
                _body.Append(Text(piece.Text));
            else
                _body.Append(CultureInfo.InvariantCulture, $"<span class=\"t c{piece.Colour}\" title=\"{piece.Title}\">{Text(piece.Text)}</span>");
        }

        _body.Append("</p>\n");
    }

    /// <summary>The whole page.</summary>
    public override string ToString() =>
        $"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{Text(_title)}</title>\n<style>\n{Style}\n</style></head>\n<body>\n{_body}</body></html>\n";

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}

/// <summary>A run of text that one or more tokens cover: several when they share a character.</summary>
/// <param name="Text">The text.</param>
/// <param name="Title">The ids.</param>
/// <param name="Colour">0 to 4 in turn; -1 for text that no token covers.</param>
public readonly record struct TokenPiece(string Text, string Title, int Colour)
{
    private const int Colours = 5;

    /// <summary>Cuts a text at its tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="encoding">Its encoding, offsets in UTF-16 units.</param>
    public static IEnumerable<TokenPiece> Cut(string text, Encoding encoding)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(encoding);
        int position = 0, colour = 0;
        for (int i = 0; i < encoding.Count;)
        {
            (int start, int end) = encoding.Offsets[i];
            int first = i++;
            // Tokens that begin before the previous one ended cover parts of the same character.
            while (i < encoding.Count && (encoding.Offsets[i].Start < end || encoding.Offsets[i] == (start, end)))
                end = Math.Max(end, encoding.Offsets[i++].End);
            start = Math.Max(start, position);
            if (end <= start)
                continue;
            if (start > position)
                yield return new TokenPiece(text[position..start], "", -1);
            yield return new TokenPiece(text[start..end], string.Join(' ', encoding.Ids[first..i]), colour);
            colour = (colour + 1) % Colours;
            position = end;
        }

        if (position < text.Length)
            yield return new TokenPiece(text[position..], "", -1);
    }
}
