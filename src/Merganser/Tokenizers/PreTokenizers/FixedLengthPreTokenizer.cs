namespace Merganser.Tokenizers;

/// <summary>Cuts into pieces of a number of code points; the last may be shorter.</summary>
public sealed class FixedLengthPreTokenizer : PreTokenizer
{
    /// <summary>Code points per piece, at least 1; default 5.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is less than 1.</exception>
    public int Length
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            field = value;
        }
    } = 5;

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<byte> bytes = text.Bytes;
        text.BeginSplit();
        for (int piece = 0; piece < text.Count; piece++)
        {
            (int start, int end) = text.Bounds(piece);
            int count = 0;
            int at = start;
            while (at < end)
            {
                at += Utf8.LengthAt(bytes, at, end);
                if (++count == Length)
                {
                    text.Keep(start, at);
                    start = at;
                    count = 0;
                }
            }

            text.Keep(start, end);
        }

        text.EndSplit();
    }
}
