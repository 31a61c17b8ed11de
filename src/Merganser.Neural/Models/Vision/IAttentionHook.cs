using static TorchSharp.torch;

namespace Merganser.Neural.Models.Vision;

/// <summary>A hook that computes the attention of the blocks itself.</summary>
internal interface IAttentionHook : IBlockHook
{
    /// <summary>The attention of a block, with all that the hook wants to see of it.</summary>
    /// <param name="block">0-based.</param>
    /// <param name="query">[B, H, N, D].</param>
    /// <param name="key">[B, H, N, D].</param>
    /// <param name="value">[B, H, N, D].</param>
    /// <param name="bias">What would be added to the scores.</param>
    AttentionOutput Attend(int block, Tensor query, Tensor key, Tensor value, AttentionBias bias);
}
