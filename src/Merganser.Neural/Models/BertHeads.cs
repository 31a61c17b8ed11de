using Merganser.Neural.Models.Layers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What sits on a BERT.</summary>
public enum BertHead
{
    /// <summary>Nothing but the pooler, if the file has one.</summary>
    None,

    /// <summary>Logits of the vocabulary for every token.</summary>
    MaskedLm,

    /// <summary>Logits of the classes for every row.</summary>
    Classifier,
}

/// <summary>tanh(dense(x₀)). Base models may come without: then nothing is pooled.</summary>
internal sealed class BertPooler(ModelParameters parameters, string name, long width, bool optional)
{
    private readonly ModelParameter _weight = parameters.Add($"{name}.weight", [width, width], optional: optional);
    private readonly ModelParameter _bias = parameters.Add($"{name}.bias", [width], Initialization.Zeros, optional: optional);

    public Tensor? Forward(Tensor last)
    {
        if (_weight.IsPresent != _bias.IsPresent)
            throw new MerganserException($"the file has only one of '{_weight.Name}' and '{_bias.Name}'; a pooler needs both");
        return _weight.IsPresent ? nn.functional.linear(last.select(1, 0), _weight.Value, _bias.Value).tanh() : null;
    }
}

/// <summary>dense → activation → norm → decoder, which is tied to the word embeddings unless the file holds another.</summary>
internal sealed class BertMaskedLmHead
{
    private readonly Linear _dense;
    private readonly LayerNorm _norm;
    private readonly ModelParameter _decoder, _bias, _decoderBias;
    private readonly Func<Tensor, Tensor> _activation;

    public BertMaskedLmHead(ModelParameters parameters, BertShape shape, ModelParameter words, bool startsTied, Func<Tensor, Tensor> activation)
    {
        (string transform, string norm, string head) = shape.IsRoberta
            ? ("lm_head", "layer_norm", "lm_head")
            : ("cls.predictions.transform", "LayerNorm", "cls.predictions");
        _activation = activation;
        _dense = new Linear(parameters, $"{transform}.dense", shape.Width, shape.Width, bias: true);
        _norm = new LayerNorm(parameters, $"{transform}.{norm}", shape.Width, shape.Epsilon);
        _bias = parameters.Add($"{head}.bias", [shape.Vocabulary], Initialization.Zeros);
        _decoder = parameters.Add($"{head}.decoder.weight", [shape.Vocabulary, shape.Width], tiedTo: words, startsTied: startsTied);
        _decoderBias = parameters.Add($"{head}.decoder.bias", [shape.Vocabulary], Initialization.Zeros, tiedTo: _bias);
    }

    public Tensor Forward(Tensor last) =>
        nn.functional.linear(_norm.Forward(_activation(_dense.Forward(last))), _decoder.Value, _decoderBias.Value);
}

/// <summary>One dense layer over the pooled output (BERT), or dense → tanh → out_proj over the first token (RoBERTa, XLM-R).</summary>
internal sealed class BertClassifier
{
    private readonly Linear? _dense;
    private readonly Linear _output;

    public BertClassifier(ModelParameters parameters, BertShape shape)
    {
        _dense = shape.IsRoberta ? new Linear(parameters, "classifier.dense", shape.Width, shape.Width, bias: true) : null;
        _output = new Linear(parameters, shape.IsRoberta ? "classifier.out_proj" : "classifier", shape.Width, shape.Labels, bias: true);
    }

    public Tensor Forward(Tensor last, Tensor? pooled) =>
        _output.Forward(_dense is null ? pooled! : _dense.Forward(last.select(1, 0)).tanh());
}
