namespace Merganser.Tokenizers;

/// <summary>Several pre-tokenizers, one after the other.</summary>
public sealed class SequencePreTokenizer : PreTokenizer
{
    private readonly PreTokenizer[] _steps;

    /// <summary>Joins pre-tokenizers.</summary>
    /// <param name="steps">The steps in order; there may be none.</param>
    public SequencePreTokenizer(IReadOnlyList<PreTokenizer> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        _steps = [.. steps];
    }

    /// <summary>The steps in order.</summary>
    public IReadOnlyList<PreTokenizer> PreTokenizers => _steps;

    /// <inheritdoc/>
    internal override bool NeedsOffsets => Array.Exists(_steps, step => step.NeedsOffsets);

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text)
    {
        foreach (PreTokenizer step in _steps)
            step.PreTokenize(text);
    }
}
