namespace Merganser.Tokenizers;

/// <summary>Splits where the script changes. Hiragana, Katakana and U+30FC count as Han; a space goes with any script.</summary>
/// <remarks>Spaces before the first character of a piece are dropped, as the reference does.</remarks>
public sealed class UnicodeScriptsPreTokenizer : PreTokenizer
{
    private const int None = -1;
    private const int AnyScript = 0; // unassigned code points and the space

    private static readonly int Han = Array.IndexOf(UnicodeTable.ScriptNames, "Han");
    private static readonly int Hiragana = Array.IndexOf(UnicodeTable.ScriptNames, "Hiragana");
    private static readonly int Katakana = Array.IndexOf(UnicodeTable.ScriptNames, "Katakana");

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<byte> bytes = text.Bytes;
        text.BeginSplit();
        for (int piece = 0; piece < text.Count; piece++)
        {
            (int start, int end) = text.Bounds(piece);
            int last = None;
            int pieceStart = end;
            for (int at = start; at < end;)
            {
                int codePoint = Utf8.Decode(bytes[..end], at, out int length);
                int script = codePoint == ' ' ? AnyScript : codePoint == 0x30FC ? Han : UnicodeTable.Script(codePoint);
                if (script == Hiragana || script == Katakana)
                    script = Han;
                if (script != AnyScript && script != last)
                {
                    if (last != None)
                        text.Keep(pieceStart, at);
                    pieceStart = at;
                    last = script;
                }

                at += length;
            }

            text.Keep(pieceStart, end);
        }

        text.EndSplit();
    }
}
