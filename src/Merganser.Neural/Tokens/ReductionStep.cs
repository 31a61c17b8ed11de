using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;

namespace Merganser.Neural.Tokens;

/// <summary>What a reducer sees in one block.</summary>
/// <param name="State">The tokens after the attention.</param>
/// <param name="Attention">The attention, with what the reducer wished for.</param>
/// <param name="Block">The block, 0-based.</param>
/// <param name="Shape">The sizes of the encoder.</param>
/// <param name="Remove">How many tokens are to leave, bounded by what the reducer can take.</param>
public sealed record ReductionStep(TokenState State, AttentionOutput Attention, int Block, VisionShape Shape, long Remove)
{
    /// <summary>The number of tokens at the beginning that stand for no patch: none, CLS, or CLS and DIST.</summary>
    public int Special => Shape.SpecialTokens;
}
