using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Matching;

/// <summary>Finds which tokens go together.</summary>
public interface ITokenMatcher
{
    /// <summary>The most tokens that one matching can take away.</summary>
    /// <param name="count">All tokens N.</param>
    long Removable(long count);

    /// <summary>A map that takes <paramref name="remove"/> tokens away, or as many as it can; null if that is none.</summary>
    /// <param name="metric">What tokens are compared by, [B, N, D] or by heads [B, H, N, D] (the mean over heads counts), any floating-point type; matched in float32 without gradient.</param>
    /// <param name="remove">0 or more.</param>
    /// <exception cref="ArgumentException">The metric is not three-dimensional, too short for the special tokens, or not finite.</exception>
    TokenMap? Match(Tensor metric, long remove);
}
