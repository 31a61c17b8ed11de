using System.Buffers;
using System.Text;

namespace Merganser.Tokenizers;

/// <summary>Writes spaces as a visible marker and splits before each marker.</summary>
public sealed class MetaspacePreTokenizer : PreTokenizer
{
    private readonly byte[] _marker = [0xE2, 0x96, 0x81];
    private readonly SplitPattern _pattern = SplitPattern.Literal("\u2581");

    /// <summary>The marker: one character; default U+2581.</summary>
    /// <exception cref="ArgumentException">It is not one code point.</exception>
    public string Replacement
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            if (Rune.DecodeFromUtf16(value, out _, out int used) != OperationStatus.Done || used != value.Length)
                throw new ArgumentException("a marker is one code point", nameof(value));
            field = value;
            _marker = System.Text.Encoding.UTF8.GetBytes(value);
            _pattern = SplitPattern.Literal(value);
        }
    } = "\u2581";

    /// <summary>When a marker is put before a piece; default always.</summary>
    public PrependScheme PrependScheme { get; init; }

    /// <summary>Whether to split before markers; default true.</summary>
    public bool Split { get; init; } = true;

    /// <inheritdoc/>
    internal override bool NeedsOffsets => PrependScheme == PrependScheme.First;

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text.BeginRewrite();
        ReadOnlySpan<byte> bytes = text.Bytes;
        for (int piece = 0; piece < text.Count; piece++)
        {
            (int start, int end) = text.Bounds(piece);
            bool prepends = PrependScheme == PrependScheme.Always || (PrependScheme == PrependScheme.First && text.StartsAtOriginalZero(piece));
            // The marker already there, or the space that becomes one, takes the place of another.
            if (bytes[start] == (byte)' ' || bytes[start..end].StartsWith(_marker))
                prepends = false;
            TextEditor editor = text.BeginPiece(piece);
            if (prepends)
            {
                PrefixWriter.Write(editor, _marker, bytes[..end], start);
                start += Utf8.LengthAt(bytes, start, end);
            }

            while (start < end)
            {
                int space = bytes[start..end].IndexOf((byte)' ');
                if (space < 0)
                    break;
                editor.Copy(start, start + space);
                editor.Skip(1);
                editor.Insert(_marker);
                start += space + 1;
            }

            editor.Copy(start, end);
            text.EndPiece();
        }

        text.EndRewrite();
        if (Split)
            _pattern.Split(text, SplitBehavior.MergedWithNext, invert: false);
    }
}
