using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>Which group each patch of an image is in after every block.</summary>
/// <param name="Blocks">Per block and patch, row by row; −1 for a dropped patch.</param>
/// <param name="Counts">Per block the tokens that are left, special ones included.</param>
public sealed record GroupTrace(IReadOnlyList<int[]> Blocks, IReadOnlyList<long> Counts)
{
    /// <summary>Runs an encoder on one image and follows its patches.</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="pixels">[1, channels, H, W], as the image processor makes them.</param>
    /// <param name="reducer">What merges.</param>
    public static GroupTrace Run(VisionEncoder encoder, Tensor pixels, TokenReducer reducer)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(pixels);
        ArgumentNullException.ThrowIfNull(reducer);
        if (pixels.dim() != 4 || pixels.shape[0] != 1)
            throw new ArgumentException($"one image is followed: [1, channels, height, width], not [{string.Join(", ", pixels.shape)}]", nameof(pixels));
        var blocks = new List<int[]>();
        var counts = new List<long>();
        int special = encoder.Shape.SpecialTokens;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = inference_mode();
        var hook = new TokenReduction(reducer, encoder.Shape)
        {
            Trace = true,
            Traced = (_, groups) => blocks.Add([.. groups[0].cpu().data<long>().Skip(special).Select(group => (int)group)]),
        };
        var input = new VisionInput { Hook = hook, ProportionalAttention = reducer.ProportionalAttention };
        TokenState state = encoder.Embed(pixels);
        for (int block = 0; block < encoder.Shape.Blocks; block++)
            counts.Add((state = encoder.RunBlocks(block, block + 1, state, input)).Count);
        return new GroupTrace(blocks, counts);
    }
}
