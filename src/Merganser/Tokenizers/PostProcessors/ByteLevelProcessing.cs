namespace Merganser.Tokenizers;

/// <summary>Leaves white space at the ends of byte-level tokens out of their offsets; adds no tokens.</summary>
public sealed class ByteLevelProcessing : PostProcessor
{
    /// <summary>Whether a space was put before the text, which then stays in the offsets of the first token; default true.</summary>
    public bool AddPrefixSpace { get; init; } = true;

    /// <summary>Whether offsets are changed at all; default true.</summary>
    public bool TrimOffsets { get; init; } = true;

    /// <summary>Kept for the file; it changes nothing here. Default true.</summary>
    public bool UseRegex { get; init; } = true;

    internal override bool TrimsOffsets => TrimOffsets;

    /// <inheritdoc/>
    public override int AddedTokens(bool isPair) => 0;

    /// <inheritdoc/>
    public override Encoding Process(Encoding first, Encoding? second, bool addSpecialTokens) =>
        EncodingSlices.Join(Apply(second is null ? [first] : [first, second], addSpecialTokens));

    internal override List<Encoding> Apply(List<Encoding> parts, bool addSpecialTokens)
    {
        if (!TrimOffsets)
            return parts;
        return [.. parts.Select(part => OffsetTrimming.Trim(part, AddPrefixSpace))];
    }

    internal override (int[] Before, int[] After)? Frame(bool addSpecialTokens) => ([], []);
}
