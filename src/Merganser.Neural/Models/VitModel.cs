using Merganser.Neural.Models.Layers;
using Merganser.Neural.Models.Vision;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What stands on a ViT or DeiT.</summary>
public enum VitHead
{
    /// <summary>tanh(dense(first token)), if the file has it.</summary>
    Pooler,

    /// <summary>A classifier on the first token.</summary>
    Classifier,

    /// <summary>DeiT: one classifier on the class token, one on the distillation token; the scores are their mean.</summary>
    Teacher,
}

/// <summary>
/// ViT ("An Image is Worth 16x16 Words", arXiv 2010.11929) and DeiT ("Training data-efficient image transformers", arXiv 2012.12877):
/// a class token (DeiT: and a distillation token), patches row by row, blocks with norms in front, a final norm over all tokens.
/// Parameters: <c>vit.encoder.layer.*.attention.attention.query.weight</c> and so on.
/// </summary>
public sealed class VitModel : VisionModel
{
    private readonly VitHead _head;
    private readonly Linear? _first, _second;
    private readonly ModelParameter? _poolerWeight, _poolerBias;
    private readonly Func<Tensor, Tensor>? _poolerActivation;

    internal VitModel(ModelConfig config, ModelOptions options, VitHead head, bool distilled)
        : base(config, options)
    {
        _head = head;
        string trunk = distilled ? "deit." : "vit.";
        VisionShape shape = VisionShape.Read(config, epsilon: 1e-12, activation: "gelu", patch: 16) with
        {
            SpecialTokens = distilled ? 2 : 1,
            QkvBias = config.Flag("qkv_bias", true),
        };
        Encoder = new VisionEncoder(Parameters, shape, VisionNames.Vit, head == VitHead.Pooler ? "" : trunk);
        switch (head)
        {
            case VitHead.Pooler:
                int width = config.Size("pooler_output_size", shape.Width);
                _poolerWeight = Parameters.Add("pooler.dense.weight", [width, shape.Width], optional: true);
                _poolerBias = Parameters.Add("pooler.dense.bias", [width], Initialization.Zeros, optional: true);
                _poolerActivation = Activation.Of(config, "pooler_act", "tanh");
                break;
            case VitHead.Classifier:
                Labels = ClassLabels.Read(config);
                _first = new Linear(Parameters, "classifier", shape.Width, Labels.Count, bias: true);
                break;
            case VitHead.Teacher:
                Labels = ClassLabels.Read(config);
                _first = new Linear(Parameters, "cls_classifier", shape.Width, Labels.Count, bias: true);
                _second = new Linear(Parameters, "distillation_classifier", shape.Width, Labels.Count, bias: true);
                break;
        }

        Names = new WeightMap
        {
            Prefix = trunk,
            Rules =
            [
                .. VisionNames.Vit.NewerRules,
                .. VisionNames.Vit.TimmRules(
                    head switch { VitHead.Classifier => "classifier", VitHead.Teacher => "cls_classifier", _ => null },
                    head == VitHead.Teacher ? "distillation_classifier" : null),
                WeightRule.Ignore("embeddings.mask_token", "used in pre-training only"),
                .. ((ReadOnlySpan<string>)["pooler.", "classifier.", "cls_classifier.", "distillation_classifier.", "decoder."]).ToArray()
                    .Select(name => WeightRule.IgnoreBeginning(name, "part of a head that is not used")),
                WeightRule.IgnoreBeginning($"{trunk}pooler.", "part of a head that is not used"),
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
        Tensor hidden = Encoder.Norm(trunk.State.Tokens), first = hidden.select(1, 0);
        trunk = trunk with { LastHidden = hidden };
        switch (_head)
        {
            case VitHead.Classifier:
                return trunk with { Logits = _first!.Forward(first) };
            case VitHead.Teacher:
                Tensor own = _first!.Forward(first), distilled = _second!.Forward(hidden.select(1, 1));
                return trunk with { Logits = (own + distilled) / 2, ClassLogits = own, DistillationLogits = distilled };
            default:
                return _poolerWeight!.IsPresent
                    ? trunk with { Pooled = _poolerActivation!(nn.functional.linear(first, _poolerWeight.Value, _poolerBias!.ValueOrNull)) }
                    : trunk;
        }
    }
}
