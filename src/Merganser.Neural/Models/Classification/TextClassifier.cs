using Merganser.Neural.Models.Processing;
using Merganser.Tokenizers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Classification;

/// <summary>Classes of texts: BERT, RoBERTa and XLM-R with a classifier. Of a text that is too long the beginning counts.</summary>
public sealed class TextClassifier : Classifier<string>
{
    private readonly BertModel _model;
    private readonly TokenRows _tokens;
    private int[][] _rows = [];

    /// <summary>Joins a model and its tokenizer; the model is disposed with this.</summary>
    /// <exception cref="MerganserException">The model has no classifier.</exception>
    public TextClassifier(BertModel model, Tokenizer tokenizer)
        : base(model)
    {
        if (model.HeadKind != BertHead.Classifier)
            throw new MerganserException($"{model.Source}: {model.Config.Texts("architectures").FirstOrDefault("the model")} has no classifier; take one that has, or fine-tune it with 'merganser train'");
        (_model, _tokens, Labels) = (model, new TokenRows(tokenizer, model.MaxTokens), ClassLabels.Read(model.Config));
    }

    /// <summary>How the encoder is run, besides the mask; asked once for each batch.</summary>
    public Func<EncoderInput>? Input { get; init; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Labels { get; }

    /// <inheritdoc/>
    protected override IEnumerable<int[]> Batches(IReadOnlyList<string> items)
    {
        _rows = _tokens.Encode(items);
        return TokenRows.Batches(_rows, Batch);
    }

    /// <inheritdoc/>
    protected override Tensor Scores(IReadOnlyList<string> items, int[] chosen)
    {
        (Tensor ids, Tensor mask) = TokenRows.Pad([.. chosen.Select(place => _rows[place])], _model.Shape.Padding, _model.Device);
        return _model.Forward(ids, (Input?.Invoke() ?? new EncoderInput()) with { Mask = mask }).Logits!;
    }
}
