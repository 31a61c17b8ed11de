namespace Merganser.Tokenizers;

/// <summary>Removes white space at the ends.</summary>
public sealed class StripNormalizer : Normalizer
{
    /// <summary>Whether the beginning is stripped; default true.</summary>
    public bool StripLeft { get; init; } = true;

    /// <summary>Whether the end is stripped; default true.</summary>
    public bool StripRight { get; init; } = true;

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<byte> bytes = text.Bytes;
        int start = 0;
        int end = bytes.Length;
        int skipped = 0;
        while (StripLeft && start < end && UnicodeTable.IsWhiteSpace(Utf8.Decode(bytes, start, out int length)))
        {
            start += length;
            skipped++;
        }

        while (StripRight && end > start && UnicodeTable.IsWhiteSpace(Utf8.DecodeBackward(bytes, end, out int length)))
            end -= length;
        if (end - start == bytes.Length)
            return;
        TextEditor editor = text.BeginEdit();
        editor.Skip(skipped);
        editor.Copy(start, end);
        text.EndEdit();
    }
}
