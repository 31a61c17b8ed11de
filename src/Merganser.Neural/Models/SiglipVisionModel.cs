using Merganser.Neural.Models.Layers;
using Merganser.Neural.Models.Vision;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// The image part of SigLIP ("Sigmoid Loss for Language Image Pre-Training", arXiv 2303.15343): no class token, a final norm over all tokens,
/// and a head that pools by attention, or a classifier on the mean of the tokens, weighted with their sizes. The configuration may be the
/// part's own or that of the whole model. Parameters: <c>vision_model.encoder.layers.*.self_attn.q_proj.weight</c> and so on.
/// </summary>
public sealed class SiglipVisionModel : VisionModel
{
    private const string Trunk = "vision_model.";
    private readonly AttentionPooling? _pooling;
    private readonly Linear? _classifier;

    internal SiglipVisionModel(ModelConfig config, ModelOptions options, bool classifier)
        : base(config, options)
    {
        ModelConfig own = config.Has("vision_config") ? config.Block("vision_config") : config;
        VisionShape shape = VisionShape.Read(own, epsilon: 1e-6, activation: "gelu_pytorch_tanh", patch: 16);
        Encoder = new VisionEncoder(Parameters, shape, VisionNames.Clip, Trunk);
        if (classifier)
        {
            Labels = ClassLabels.Read(config);
            _classifier = new Linear(Parameters, "classifier", shape.Width, Labels.Count, bias: true);
        }
        else if (own.Flag("vision_use_head", true))
        {
            _pooling = new AttentionPooling(Parameters, $"{Trunk}head", shape);
        }

        Names = new WeightMap
        {
            Prefix = Trunk,
            Rules =
            [
                WeightRule.IgnoreEnding("position_ids", "numbers 0, 1, 2, …"),
                WeightRule.IgnoreBeginning("text_model.", "the text part"),
                WeightRule.Ignore("logit_scale", "used with text only"),
                WeightRule.Ignore("logit_bias", "used with text only"),
                WeightRule.IgnoreBeginning("head.", "a head that is not used"),
                WeightRule.IgnoreBeginning($"{Trunk}head.", "a head that is not used"),
                WeightRule.IgnoreBeginning("classifier.", "a head that is not used"),
                .. VisionNames.Clip.TimmRules(),
            ],
        };
    }

    /// <inheritdoc/>
    public override VisionEncoder Encoder { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Labels { get; } = [];

    /// <inheritdoc/>
    protected override WeightMap Names { get; }

    /// <inheritdoc/>
    protected override VisionOutput Finish(VisionOutput trunk, VisionInput input)
    {
        ArgumentNullException.ThrowIfNull(trunk);
        ArgumentNullException.ThrowIfNull(input);
        Tensor hidden = Encoder.Norm(trunk.State.Tokens);
        VisionOutput output = trunk with { LastHidden = hidden };
        if (_classifier is not null)
            return output with { Logits = _classifier.Forward(Mean(hidden, trunk.State.Size)) };
        return _pooling is null ? output : output with { Pooled = _pooling.Forward(hidden, trunk.State.Bias(input.ProportionalPooling)) };
    }

    /// <summary>Σ sᵢxᵢ / Σ sᵢ.</summary>
    private static Tensor Mean(Tensor hidden, Tensor? size)
    {
        if (size is null)
            return hidden.mean([1]);
        Tensor weight = size.to(ScalarType.Float32);
        return ((hidden * weight).sum(1) / weight.sum(1)).to(hidden.dtype);
    }
}
