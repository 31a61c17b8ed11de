namespace Merganser.Tokenizers;

/// <summary>The frame of BERT: CLS, first, SEP, and of a pair second, SEP with type id 1.</summary>
public sealed class BertProcessing : PostProcessor
{
    /// <summary>The separator and its id.</summary>
    public (string Token, int Id) Separator { get; init; } = ("[SEP]", 102);

    /// <summary>The token at the beginning and its id.</summary>
    public (string Token, int Id) Classifier { get; init; } = ("[CLS]", 101);

    /// <inheritdoc/>
    public override int AddedTokens(bool isPair) => isPair ? 3 : 2;

    /// <inheritdoc/>
    public override Encoding Process(Encoding first, Encoding? second, bool addSpecialTokens) =>
        EncodingSlices.Join(Apply(second is null ? [first] : [first, second], addSpecialTokens));

    internal override List<Encoding> Apply(List<Encoding> parts, bool addSpecialTokens)
    {
        if (!addSpecialTokens)
            return parts;
        List<Encoding> result = [EncodingSlices.Special([Classifier.Id], 0)];
        for (int i = 0; i < parts.Count; i++)
        {
            int type = i == 0 ? 0 : 1;
            result.Add(EncodingSlices.WithTypeId(parts[i], type));
            result.Add(EncodingSlices.Special([Separator.Id], type));
        }

        return result;
    }

    internal override (int[] Before, int[] After)? Frame(bool addSpecialTokens) => addSpecialTokens ? ([Classifier.Id], [Separator.Id]) : ([], []);
}
