using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Text as a SentencePiece model sees it: normalised bytes and the source offset of each, one more at the end.</summary>
internal sealed class SentencePieceText
{
    public List<byte> Bytes { get; } = [];

    public List<int> Sources { get; } = [];
}

/// <summary>
/// The normalisation of SentencePiece itself: user-defined pieces stay, else the longest entry of the replacement table at
/// each position; then white space is collapsed and trimmed, the dummy prefix put in and spaces written as U+2581.
/// </summary>
internal sealed class SentencePieceNormalizer(SentencePieceFile file, DoubleArrayTrie? userDefined, string path)
{
    private static readonly byte[] Replacement = [0xEF, 0xBF, 0xBD];

    private readonly PrecompiledCharsMap _map = Load(file.Charsmap, path);

    public static ReadOnlySpan<byte> Marker => "\u2581"u8;

    public SentencePieceText Normalize(ReadOnlySpan<byte> text)
    {
        var result = new SentencePieceText();
        int consumed = 0;
        if (file.RemoveExtraWhitespaces)
        {
            while (consumed < text.Length && Step(text[consumed..], out int length).SequenceEqual(" "u8))
                consumed += length;
        }

        if (consumed == text.Length)
            return result;
        ReadOnlySpan<byte> space = file.EscapeWhitespaces ? Marker : " "u8;
        if (file.AddDummyPrefix && !file.TreatWhitespaceAsSuffix)
            Append(result, space, consumed);
        bool afterSpace = file.RemoveExtraWhitespaces;
        while (consumed < text.Length)
        {
            ReadOnlySpan<byte> piece = Step(text[consumed..], out int length);
            while (afterSpace && !piece.IsEmpty && piece[0] == ' ')
                piece = piece[1..];
            if (!piece.IsEmpty)
            {
                foreach (byte value in piece)
                {
                    if (value == ' ')
                        Append(result, space, consumed);
                    else
                        Append(result, [value], consumed);
                }

                afterSpace = piece[^1] == ' ';
            }

            consumed += length;
            if (!file.RemoveExtraWhitespaces)
                afterSpace = false;
        }

        if (file.RemoveExtraWhitespaces)
        {
            while (EndsWith(result.Bytes, space))
            {
                int length = result.Bytes.Count - space.Length;
                consumed = result.Sources[length];
                result.Bytes.RemoveRange(length, space.Length);
                result.Sources.RemoveRange(length, space.Length);
            }
        }

        if (file.AddDummyPrefix && file.TreatWhitespaceAsSuffix)
            Append(result, space, consumed);
        result.Sources.Add(consumed);
        return result;
    }

    private ReadOnlySpan<byte> Step(ReadOnlySpan<byte> text, out int length)
    {
        if (userDefined is not null)
        {
            length = userDefined.LongestMatch(text, out _);
            if (length > 0)
                return text[..length];
        }

        if (!_map.IsEmpty && _map.TryGetLongest(text, out length, out ReadOnlySpan<byte> replacement) && length > 0)
            return replacement;
        if (Utf8.Decode(text, 0, out length) == Utf8.Replacement && length == 1)
            return Replacement;
        return text[..length];
    }

    private static void Append(SentencePieceText text, ReadOnlySpan<byte> bytes, int source)
    {
        foreach (byte value in bytes)
        {
            text.Bytes.Add(value);
            text.Sources.Add(source);
        }
    }

    private static bool EndsWith(List<byte> bytes, ReadOnlySpan<byte> end)
    {
        if (bytes.Count < end.Length)
            return false;
        for (int i = 0; i < end.Length; i++)
        {
            if (bytes[bytes.Count - end.Length + i] != end[i])
                return false;
        }

        return true;
    }

    private static PrecompiledCharsMap Load(byte[] charsmap, string path)
    {
        try
        {
            return new PrecompiledCharsMap(charsmap);
        }
        catch (MerganserException e)
        {
            throw new MerganserException($"{path}: {e.Message}", e);
        }
    }
}
