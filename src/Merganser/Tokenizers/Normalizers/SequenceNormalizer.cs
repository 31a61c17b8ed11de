namespace Merganser.Tokenizers;

/// <summary>Several normalizers, one after the other.</summary>
public sealed class SequenceNormalizer : Normalizer
{
    private readonly Normalizer[] _steps;

    /// <summary>Joins normalizers.</summary>
    /// <param name="steps">The steps in order; there may be none.</param>
    public SequenceNormalizer(IReadOnlyList<Normalizer> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        _steps = [.. steps];
    }

    /// <summary>The steps in order.</summary>
    public IReadOnlyList<Normalizer> Normalizers => _steps;

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        foreach (Normalizer step in _steps)
            step.Normalize(text);
    }
}
