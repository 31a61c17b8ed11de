using static TorchSharp.torch;

namespace Merganser.Neural.Models.Vision;

/// <summary>
/// Takes part in every block of an encoder between attention and feed-forward net: after the attention was added to the residual stream,
/// before the second norm. This is where tokens are merged, pruned or counted.
/// </summary>
public interface IBlockHook
{
    /// <summary>What the hook wants to see of the attention of a block (0-based). Probabilities cost the fused kernel.</summary>
    AttentionWish Wish(int block);

    /// <summary>Returns the tokens that go on: the state as it is, or another with fewer tokens and their sizes and sources.</summary>
    /// <param name="block">The block, 0-based.</param>
    /// <param name="state">The tokens after the attention.</param>
    /// <param name="attention">The attention of this block over the same tokens, with what <see cref="Wish"/> asked for.</param>
    /// <remarks>The pass owns the tensors made here; a hook that keeps one for later detaches it from its dispose scope.</remarks>
    TokenState AfterAttention(int block, TokenState state, AttentionOutput attention);
}

/// <summary>What hooks ask of an attention.</summary>
public static class AttentionOutputExtensions
{
    /// <summary>The mean over heads of the keys, float32 [B, N, D]: the usual measure of likeness between tokens.</summary>
    /// <exception cref="InvalidOperationException">The keys were not asked for.</exception>
    public static Tensor MeanKeys(this AttentionOutput attention)
    {
        ArgumentNullException.ThrowIfNull(attention);
        Tensor keys = attention.Keys ?? throw new InvalidOperationException("the keys were not asked for: Wish must hold AttentionWish.Keys");
        return keys.to(ScalarType.Float32).mean([1]);
    }
}
