using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// BERT (arXiv 1810.04805), RoBERTa (1907.11692) and XLM-R (1911.02116): LN(word + position + segment), then post-norm blocks. BERT's
/// positions are 0…T−1; RoBERTa and XLM-R count the tokens that are not padding, p + 1 onwards for the padding id p, and padding sits at p.
/// Heads: the base model with its pooler if the file has one, masked language model, sequence classification.
/// </summary>
public sealed class BertModel : EncoderModel
{
    private readonly Embedding _words, _positions, _types;
    private readonly LayerNorm _norm;
    private readonly BertBlock[] _blocks;
    private readonly BertPooler? _pooler;
    private readonly BertMaskedLmHead? _maskedLm;
    private readonly BertClassifier? _classifier;

    internal BertModel(ModelConfig config, ModelOptions options, BertHead head)
        : base(config, options)
    {
        BertShape shape = BertShape.Read(config);
        (Shape, HeadKind) = (shape, head);
        string family = shape.IsRoberta ? "roberta." : "bert.", trunk = head == BertHead.None ? "" : family;
        Func<Tensor, Tensor> activation = Activation.Of(config, "hidden_act", "gelu");
        _words = new Embedding(Parameters, $"{trunk}embeddings.word_embeddings", shape.Vocabulary, shape.Width);
        _positions = new Embedding(Parameters, $"{trunk}embeddings.position_embeddings", shape.Positions, shape.Width);
        _types = new Embedding(Parameters, $"{trunk}embeddings.token_type_embeddings", shape.Types, shape.Width);
        _norm = new LayerNorm(Parameters, $"{trunk}embeddings.LayerNorm", shape.Width, shape.Epsilon);
        _blocks = [.. Enumerable.Range(0, shape.Layers).Select(layer => new BertBlock(Parameters, $"{trunk}encoder.layer.{layer}", shape, activation))];
        if (head == BertHead.None || (head == BertHead.Classifier && !shape.IsRoberta))
            _pooler = new BertPooler(Parameters, $"{trunk}pooler.dense", shape.Width, optional: head == BertHead.None);
        if (head == BertHead.MaskedLm)
            _maskedLm = new BertMaskedLmHead(Parameters, shape, _words.Weight, config.Flag("tie_word_embeddings", true), shape.IsRoberta ? static x => nn.functional.gelu(x) : activation);
        if (head == BertHead.Classifier)
            _classifier = new BertClassifier(Parameters, shape);
        Names = new WeightMap { Prefix = family, Rules = [.. Rules(head)] };
    }

    /// <summary>The sizes.</summary>
    public BertShape Shape { get; }

    /// <summary>What sits on the trunk.</summary>
    public BertHead HeadKind { get; }

    /// <inheritdoc/>
    public override int Layers => _blocks.Length;

    /// <inheritdoc/>
    public override int Width => Shape.Width;

    /// <inheritdoc/>
    public override int VocabularySize => Shape.Vocabulary;

    /// <inheritdoc/>
    public override int? MaxTokens => Shape.MaxTokens;

    /// <inheritdoc/>
    protected override WeightMap Names { get; }

    /// <inheritdoc/>
    public override Tensor Embed(Tensor ids, EncoderInput input)
    {
        Tensor positions = input.Positions ?? Positions(ids);
        if (input.Positions is not null)
            TokenIds.Check(positions, Shape.Positions, null, "positions");
        Tensor sum = _words.Forward(ids) + _positions.Forward(positions);
        if (input.TypeIds is { } types)
        {
            TokenIds.Check(types, Shape.Types, null, "token type ids");
            sum += _types.Forward(types);
        }
        else
        {
            sum += _types.Weight.Value.select(0, 0);
        }

        return _norm.Forward(sum);
    }

    /// <inheritdoc/>
    public override (Tensor? Pooled, Tensor? Logits) Apply(Tensor last)
    {
        Tensor? pooled = _pooler?.Forward(last);
        return (pooled, _maskedLm?.Forward(last) ?? _classifier?.Forward(last, pooled));
    }

    /// <inheritdoc/>
    protected override Tensor RunLayer(int layer, Tensor hidden, EncoderState state) => _blocks[layer].Forward(hidden, state);

    private Tensor Positions(Tensor ids)
    {
        if (!Shape.IsRoberta)
            return arange(ids.shape[1], ScalarType.Int64, ids.device).unsqueeze(0);
        Tensor real = ids.ne(Shape.Padding).to(ScalarType.Int64);
        return (real.cumsum(1) * real) + Shape.Padding;
    }

    private static IEnumerable<WeightRule> Rules(BertHead head)
    {
        foreach (string norm in (string[])["embeddings.LayerNorm", "encoder.layer.*.attention.output.LayerNorm", "encoder.layer.*.output.LayerNorm", "cls.predictions.transform.LayerNorm"])
        {
            yield return WeightRule.Rename($"{norm}.gamma", $"{norm}.weight");
            yield return WeightRule.Rename($"{norm}.beta", $"{norm}.bias");
        }

        yield return WeightRule.IgnoreEnding("embeddings.position_ids", "a table that is computed");
        const string Other = "part of another head";
        yield return WeightRule.IgnoreBeginning("cls.seq_relationship.", Other);
        // A part of the wanted head under an unknown name is an error: only the others are left out.
        if (head != BertHead.MaskedLm)
        {
            yield return WeightRule.IgnoreBeginning("cls.predictions.", Other);
            yield return WeightRule.IgnoreBeginning("lm_head.", Other);
        }

        if (head != BertHead.Classifier)
            yield return WeightRule.IgnoreBeginning("classifier.", Other);
        if (head != BertHead.None)
            yield return WeightRule.IgnoreBeginning("pooler.", Other);
    }
}
