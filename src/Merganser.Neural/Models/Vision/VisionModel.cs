using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Vision;

/// <summary>A model that takes images: an encoder, and what an architecture makes of its tokens.</summary>
public abstract class VisionModel(ModelConfig config, ModelOptions options) : PretrainedModel(config, options)
{
    /// <summary>The encoder.</summary>
    public abstract VisionEncoder Encoder { get; }

    /// <summary>The names of the classes; empty if the model does not classify.</summary>
    public virtual IReadOnlyList<string> Labels => [];

    /// <summary>The whole model.</summary>
    /// <param name="pixels">[B, channels, H, W], as the image processor makes them.</param>
    /// <param name="input">Hook, hidden states, switches.</param>
    /// <exception cref="MerganserException">The images do not have the size that the model was made for.</exception>
    public VisionOutput Forward(Tensor pixels, VisionInput? input = null)
    {
        input ??= new VisionInput();
        using DisposeScope scope = NewDisposeScope();
        VisionOutput trunk = Encoder.Run(pixels, input);
        VisionOutput output = input.Blocks is null ? Finish(trunk, input) : trunk;
        return output.MovedOut(scope);
    }

    /// <summary>The final norm and the head.</summary>
    protected abstract VisionOutput Finish(VisionOutput trunk, VisionInput input);
}
