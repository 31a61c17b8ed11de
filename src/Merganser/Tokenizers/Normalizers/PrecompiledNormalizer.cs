namespace Merganser.Tokenizers;

/// <summary>
/// The replacement table of a SentencePiece model, as the tokenizer.json format applies it: per grapheme cluster (UAX #29,
/// extended); a cluster of less than 6 bytes is tried whole, and the first entry that it begins with replaces all of it (so
/// does the reference); otherwise each character is tried alone.
/// </summary>
/// <remarks>
/// Offsets have the reference's quirk: what a shorter replacement removes is taken from the character written last, and if
/// there is none yet the removal is not recorded.
/// </remarks>
public sealed class PrecompiledNormalizer : Normalizer
{
    private const int WholeClusterLimit = 6;

    private readonly byte[] _charsmap;
    private readonly PrecompiledCharsMap _map;
    private readonly bool[] _isPlain = new bool[128]; // ASCII without a replacement

    /// <summary>Reads a precompiled table of replacements.</summary>
    /// <param name="charsmap">The bytes (not base64) of <c>precompiled_charsmap</c>; none means no replacements.</param>
    /// <exception cref="MerganserException">The table is damaged.</exception>
    public PrecompiledNormalizer(ReadOnlySpan<byte> charsmap)
    {
        _charsmap = charsmap.ToArray();
        _map = new PrecompiledCharsMap(charsmap);
        Span<byte> single = stackalloc byte[1];
        for (int c = 0; c < _isPlain.Length; c++)
        {
            single[0] = (byte)c;
            // A carriage return may form a cluster with what follows; it takes the slow road.
            _isPlain[c] = c != '\r' && !_map.TryGetFirst(single, out _);
        }
    }

    /// <summary>The table as it was read.</summary>
    public ReadOnlySpan<byte> Charsmap => _charsmap;

    internal PrecompiledCharsMap Map => _map;

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<byte> bytes = text.Bytes;
        TextEditor? editor = null;
        int copied = 0;
        int at = 0;
        while (true)
        {
            at = SkipPlain(bytes, at);
            if (at >= bytes.Length)
                break;
            int end = GraphemeBreaker.End(bytes, at);
            ReadOnlySpan<byte> replacement;
            if (end - at < WholeClusterLimit && _map.TryGetFirst(bytes[at..end], out replacement))
            {
                editor ??= text.BeginEdit();
                editor.Copy(copied, at);
                Replace(editor, text.TracksOffsets, bytes[at..end], replacement);
                copied = at = end;
                continue;
            }

            while (at < end)
            {
                int length = Utf8.LengthAt(bytes, at, end);
                if (_map.TryGetFirst(bytes.Slice(at, length), out replacement))
                {
                    editor ??= text.BeginEdit();
                    editor.Copy(copied, at);
                    Replace(editor, text.TracksOffsets, bytes.Slice(at, length), replacement);
                    copied = at + length;
                }

                at += length;
            }
        }

        if (editor is null)
            return;
        editor.Copy(copied, bytes.Length);
        text.EndEdit();
    }

    /// <summary>The first place at or after a boundary that is not a cluster of one ASCII character without replacement.</summary>
    private int SkipPlain(ReadOnlySpan<byte> bytes, int at)
    {
        bool[] isPlain = _isPlain;
        int start = at;
        while (at < bytes.Length && bytes[at] < 0x80 && isPlain[bytes[at]])
            at++;
        // The last one may be the base of a cluster with what follows.
        return at < bytes.Length && bytes[at] >= 0x80 && at > start ? at - 1 : at;
    }

    private static void Replace(TextEditor editor, bool tracks, ReadOnlySpan<byte> old, ReadOnlySpan<byte> replacement)
    {
        int difference = 0;
        int count = 0;
        if (tracks)
        {
            count = Utf8.Count(replacement);
            difference = count - Utf8.Count(old);
        }

        for (int at = 0, number = 0; at < replacement.Length; number++)
        {
            int codePoint = Utf8.Decode(replacement, at, out int length);
            editor.Emit(codePoint, difference > 0 && number >= count - difference ? 1 : 0);
            at += length;
        }

        if (difference < 0 && editor.HasEmitted)
            editor.Remove(-difference);
    }
}
