using Merganser.Neural.Models.Layers;
using Merganser.Neural.Models.Vision;

namespace Merganser.Neural.Models;

/// <summary>
/// The image part of CLIP alone, with or without the projection. The configuration may be the part's own or that of the whole model; files
/// of the whole model are taken, their text part is left out. Parameters: <c>vision_model.encoder.layers.*.self_attn.q_proj.weight</c> and so on.
/// </summary>
public sealed class ClipVisionModel : VisionModel
{
    private const string Trunk = "vision_model.";
    private readonly Linear? _projection;

    internal ClipVisionModel(ModelConfig config, ModelOptions options, bool projection)
        : base(config, options)
    {
        ModelConfig own = config.Has("vision_config") ? config.Block("vision_config") : config;
        Encoder = MakeEncoder(own, Parameters);
        if (projection)
            _projection = new Linear(Parameters, "visual_projection", Encoder.Shape.Width, config.Size("projection_dim", 512), bias: false);
        Names = new WeightMap
        {
            Prefix = Trunk,
            Rules =
            [
                .. VisionNames.Clip.TimmRules(),
                WeightRule.IgnoreEnding("position_ids", "numbers 0, 1, 2, …"),
                WeightRule.IgnoreBeginning("text_model.", "the text part"),
                WeightRule.IgnoreBeginning("text_projection.", "the text part"),
                WeightRule.IgnoreBeginning("visual_projection.", "a head that is not used"),
                WeightRule.Ignore("logit_scale", "used with text only"),
            ],
        };
    }

    /// <inheritdoc/>
    public override VisionEncoder Encoder { get; }

    /// <inheritdoc/>
    protected override WeightMap Names { get; }

    /// <summary>The encoder with CLIP's defaults: a class token, no bias in the convolution, a norm before the blocks.</summary>
    internal static VisionEncoder MakeEncoder(ModelConfig config, ModelParameters parameters) =>
        new(parameters, VisionShape.Read(config, epsilon: 1e-5, activation: "quick_gelu", patch: 32) with { SpecialTokens = 1, PatchBias = false, PreNorm = true }, VisionNames.Clip, Trunk);

    /// <summary>Pooled is the norm of the class token; the last hidden state has no norm.</summary>
    internal static VisionOutput Pool(VisionEncoder encoder, VisionOutput trunk) => trunk with
    {
        LastHidden = trunk.State.Tokens,
        Pooled = encoder.Norm(trunk.State.Tokens.select(1, 0)),
    };

    /// <inheritdoc/>
    protected override VisionOutput Finish(VisionOutput trunk, VisionInput input)
    {
        VisionOutput output = Pool(Encoder, trunk);
        return _projection is null ? output : output with { Embedding = _projection.Forward(output.Pooled!) };
    }
}
