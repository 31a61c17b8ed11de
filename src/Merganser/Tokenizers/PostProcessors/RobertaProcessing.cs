namespace Merganser.Tokenizers;

/// <summary>The frame of RoBERTa: CLS, first, SEP, and of a pair SEP, second, SEP; all type ids are 0.</summary>
public sealed class RobertaProcessing : PostProcessor
{
    /// <summary>The separator and its id.</summary>
    public (string Token, int Id) Separator { get; init; } = ("</s>", 2);

    /// <summary>The token at the beginning and its id.</summary>
    public (string Token, int Id) Classifier { get; init; } = ("<s>", 0);

    /// <summary>Whether offsets leave out white space at the ends of tokens; default true.</summary>
    public bool TrimOffsets { get; init; } = true;

    /// <summary>Whether a space was put before the text, which then stays in the offsets of the first token; default true.</summary>
    public bool AddPrefixSpace { get; init; } = true;

    internal override bool TrimsOffsets => TrimOffsets;

    /// <inheritdoc/>
    public override int AddedTokens(bool isPair) => isPair ? 4 : 2;

    /// <inheritdoc/>
    public override Encoding Process(Encoding first, Encoding? second, bool addSpecialTokens) =>
        EncodingSlices.Join(Apply(second is null ? [first] : [first, second], addSpecialTokens));

    internal override List<Encoding> Apply(List<Encoding> parts, bool addSpecialTokens)
    {
        List<Encoding> result = [];
        for (int i = 0; i < parts.Count; i++)
        {
            if (addSpecialTokens)
                result.Add(EncodingSlices.Special([i == 0 ? Classifier.Id : Separator.Id], 0));
            Encoding part = EncodingSlices.WithTypeId(parts[i], 0);
            result.Add(TrimOffsets ? OffsetTrimming.Trim(part, AddPrefixSpace) : part);
            if (addSpecialTokens)
                result.Add(EncodingSlices.Special([Separator.Id], 0));
        }

        return result;
    }

    internal override (int[] Before, int[] After)? Frame(bool addSpecialTokens) => addSpecialTokens ? ([Classifier.Id], [Separator.Id]) : ([], []);
}
