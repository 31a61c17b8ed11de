using Merganser.Neural.Models.Vision;
using Merganser.Neural.Training.Data;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>Classes of images: (x/255 − mean)/deviation goes into a vision model with a classifier.</summary>
/// <param name="model">The model.</param>
/// <param name="images">The images to learn.</param>
/// <param name="heldOut">Images to measure on; null for none.</param>
/// <param name="mean">Per channel, or one for all.</param>
/// <param name="deviation">Per channel, or one for all.</param>
public sealed class ImageTask(VisionModel model, ImageSet images, ImageSet? heldOut, double[] mean, double[] deviation)
    : ClassificationTask(images.Labels, heldOut?.Labels ?? [])
{
    /// <inheritdoc/>
    public override string Unit => "images";

    /// <summary>Float32 [B, channels, H, W] from some images of a set; one grey channel is repeated and sizes are interpolated where the model wants it.</summary>
    public static Tensor Pixels(VisionModel model, ImageSet set, int[] examples, double[] mean, double[] deviation)
    {
        int size = set.Channels * set.Height * set.Width;
        byte[] bytes = new byte[size * examples.Length];
        for (int i = 0; i < examples.Length; i++)
            set.Pixels.AsSpan(examples[i] * size, size).CopyTo(bytes.AsSpan(i * size));
        VisionShape shape = model.Encoder.Shape;
        Tensor pixels = tensor(bytes, [examples.Length, set.Channels, set.Height, set.Width], device: model.Device).to(ScalarType.Float32).div(255);
        if ((set.Height, set.Width) != shape.Image)
            pixels = nn.functional.interpolate(pixels, [shape.Image.Height, shape.Image.Width], mode: InterpolationMode.Bilinear, align_corners: false);
        if (set.Channels == 1 && shape.Channels > 1)
            pixels = pixels.expand(-1, shape.Channels, -1, -1);
        Tensor middle = tensor(mean, [1, mean.Length, 1, 1], device: model.Device).to(ScalarType.Float32), spread = tensor(deviation, [1, deviation.Length, 1, 1], device: model.Device).to(ScalarType.Float32);
        return pixels.sub(middle).div(spread).to(model.DType);
    }

    /// <inheritdoc/>
    protected override Tensor Scores(int[] examples, bool fromHeldOut, ulong seed) =>
        model.Forward(Pixels(model, fromHeldOut ? heldOut! : images, examples, mean, deviation)).Logits ?? throw new MerganserException("the model has no classifier");
}
