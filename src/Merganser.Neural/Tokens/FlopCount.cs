using Merganser.Neural.Models.Vision;

namespace Merganser.Neural.Tokens;

/// <summary>
/// The arithmetic of an encoder by its shape and the tokens in every block. One multiply-add is two operations; softmax, norms and activations
/// are left out. A block with N tokens in attention and N′ in its feed-forward net of width I: 8NC² + 4N²C + 4CI·N′.
/// </summary>
public static class FlopCount
{
    /// <summary>Operations per image of the blocks, the patches and a linear head.</summary>
    /// <param name="shape">The encoder.</param>
    /// <param name="reducer">What shortens the sequence; null for the whole model.</param>
    /// <param name="classes">The width of the head; 0 for none.</param>
    public static double PerImage(VisionShape shape, TokenReducer? reducer = null, int classes = 0)
    {
        ArgumentNullException.ThrowIfNull(shape);
        double width = shape.Width, patch = (double)shape.Patch.Height * shape.Patch.Width * shape.Channels;
        return Blocks(shape, reducer) + (2 * (shape.Tokens - shape.SpecialTokens) * width * patch) + (2 * width * classes);
    }

    /// <summary>Operations per image of the blocks alone.</summary>
    public static double Blocks(VisionShape shape, TokenReducer? reducer = null)
    {
        ArgumentNullException.ThrowIfNull(shape);
        double width = shape.Width, sum = 0;
        foreach ((long entering, long leaving) in Lengths(shape, reducer))
            sum += (8 * entering * width * width) + (4.0 * entering * entering * width) + (4 * width * shape.Intermediate * leaving);
        return sum;
    }

    /// <summary>The tokens that enter every block, and those that its feed-forward net gets.</summary>
    public static IReadOnlyList<(long Entering, long Leaving)> Lengths(VisionShape shape, TokenReducer? reducer = null)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var lengths = new (long, long)[shape.Blocks];
        long count = shape.Tokens;
        for (int block = 0; block < lengths.Length; block++)
        {
            long next = reducer?.Remaining(block, count, shape) ?? count;
            lengths[block] = (count, next);
            count = next;
        }

        return lengths;
    }
}
