namespace Merganser.Tokenizers;

/// <summary>Drops control characters and turns unusual white space into spaces, as neural machine translation models do.</summary>
public sealed class NmtNormalizer : Normalizer
{
    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        CharacterMap.Apply(text, 0, default(DropControls));
        CharacterMap.Apply(text, 0, default(UnifySpaces));
    }

    private readonly struct DropControls : ICharacterRule
    {
        public int Map(int codePoint) => codePoint switch
        {
            (>= 0x01 and <= 0x08) or 0x0B or (>= 0x0E and <= 0x1F) or 0x7F or 0x8F or 0x9F => -1,
            _ => codePoint,
        };
    }

    private readonly struct UnifySpaces : ICharacterRule
    {
        public int Map(int codePoint) => codePoint switch
        {
            0x09 or 0x0A or 0x0C or 0x0D or 0x1680 or (>= 0x200B and <= 0x200F) or 0x2028 or 0x2029 or 0x2581 or 0xFEFF or 0xFFFD => ' ',
            _ => codePoint,
        };
    }
}
