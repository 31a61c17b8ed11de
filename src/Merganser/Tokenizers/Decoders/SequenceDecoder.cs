namespace Merganser.Tokenizers;

/// <summary>Several decoders, one after the other.</summary>
public sealed class SequenceDecoder : TokenDecoder
{
    private readonly TokenDecoder[] _steps;

    /// <summary>Joins decoders.</summary>
    /// <param name="steps">The steps in order; there may be none.</param>
    public SequenceDecoder(IReadOnlyList<TokenDecoder> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        _steps = [.. steps];
    }

    /// <summary>The steps in order.</summary>
    public IReadOnlyList<TokenDecoder> Decoders => _steps;

    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        foreach (TokenDecoder step in _steps)
            step.Decode(tokens);
    }
}
