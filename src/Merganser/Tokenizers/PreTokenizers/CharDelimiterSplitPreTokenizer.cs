using System.Buffers;
using System.Text;

namespace Merganser.Tokenizers;

/// <summary>Splits at a character, which is dropped.</summary>
public sealed class CharDelimiterSplitPreTokenizer : PreTokenizer
{
    private readonly int _codePoint;

    /// <summary>The character: one code point.</summary>
    /// <exception cref="ArgumentException">It is not one code point.</exception>
    public required string Delimiter
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            if (Rune.DecodeFromUtf16(value, out Rune rune, out int used) != OperationStatus.Done || used != value.Length)
                throw new ArgumentException("a delimiter is one code point", nameof(value));
            field = value;
            _codePoint = rune.Value;
        }
    }

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        CharacterSplit.Apply(text, SplitBehavior.Removed, new DelimiterTest(_codePoint));
    }
}
