namespace Merganser.Tokenizers;

/// <summary>Several post-processors, one after the other.</summary>
public sealed class SequenceProcessing : PostProcessor
{
    private readonly PostProcessor[] _steps;

    /// <summary>Joins post-processors.</summary>
    /// <param name="steps">The steps in order; there may be none.</param>
    public SequenceProcessing(IReadOnlyList<PostProcessor> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        _steps = [.. steps];
    }

    /// <summary>The steps in order.</summary>
    public IReadOnlyList<PostProcessor> Processors => _steps;

    internal override bool TrimsOffsets => _steps.Any(step => step.TrimsOffsets);

    /// <inheritdoc/>
    public override int AddedTokens(bool isPair) => _steps.Sum(step => step.AddedTokens(isPair));

    /// <inheritdoc/>
    public override Encoding Process(Encoding first, Encoding? second, bool addSpecialTokens) =>
        EncodingSlices.Join(Apply(second is null ? [first] : [first, second], addSpecialTokens));

    internal override List<Encoding> Apply(List<Encoding> parts, bool addSpecialTokens)
    {
        foreach (PostProcessor step in _steps)
            parts = step.Apply(parts, addSpecialTokens);
        return parts;
    }

    internal override (int[] Before, int[] After)? Frame(bool addSpecialTokens)
    {
        (int[] Before, int[] After) frame = ([], []);
        foreach (PostProcessor step in _steps)
        {
            if (step.Frame(addSpecialTokens) is not { } inner)
                return null;
            bool framed = frame.Before.Length + frame.After.Length > 0;
            if (framed && inner.Before.Length + inner.After.Length > 0)
                return null; // the second frame would fall on each part of the first
            if (!framed)
                frame = inner;
        }

        return frame;
    }
}
