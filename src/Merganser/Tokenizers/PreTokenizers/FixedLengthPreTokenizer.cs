namespace Merganser.Tokenizers;

/// <summary>Cuts into pieces of a number of code points; the last may be shorter.</summary>
public sealed class FixedLengthPreTokenizer : PreTokenizer
{
    /// <summary>Code points per piece, at least 1; default 5.</summary>
    public int Length { get; init; } = 5;

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text) => throw new NotSupportedException();
}
