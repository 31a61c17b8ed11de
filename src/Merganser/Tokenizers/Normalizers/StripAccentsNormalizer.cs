namespace Merganser.Tokenizers;

/// <summary>Drops all marks (categories Mn, Mc, Me) without decomposing first.</summary>
public sealed class StripAccentsNormalizer : Normalizer
{
    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int first = text.Bytes.IndexOfAnyInRange((byte)0xCC, (byte)0xFF); // no mark is lower
        if (first >= 0)
            CharacterMap.Apply(text, first, default(Rule));
    }

    private readonly struct Rule : ICharacterRule
    {
        public int Map(int codePoint) => UnicodeTable.IsMark(codePoint) ? -1 : codePoint;
    }
}
