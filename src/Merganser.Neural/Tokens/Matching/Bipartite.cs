using Merganser.Neural.Tokens.Cpu;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Matching;

/// <summary>The step that bipartite matchers share: two lists of tokens, the best partner of each in the first list, the best pairs.</summary>
internal static class Bipartite
{
    /// <summary>The best partner in <paramref name="second"/> of each token in <paramref name="first"/>; the lowest index among equals.</summary>
    /// <param name="unit">Rows of length 1, float32 [B, N, D].</param>
    /// <param name="first">int64 [B or 1, n].</param>
    /// <param name="second">int64 [B or 1, m].</param>
    /// <param name="protectedTokens">bool [1, N]: tokens that neither go nor receive, or null.</param>
    /// <returns>Scores float32 [B, n], −∞ where nothing may be; indices into <paramref name="second"/>.</returns>
    public static (Tensor Best, Tensor Partner) Partners(Tensor unit, Tensor first, Tensor second, Tensor? protectedTokens)
    {
        if (CpuMatching.TryRows(unit, out Tensor held, out CpuMatching.Rows rows))
            return CpuMatching.Partners(held, rows, first, second, protectedTokens);
        Tensor scores = matmul(Rows(unit, first), Rows(unit, second).transpose(1, 2));
        if (protectedTokens is not null)
        {
            scores = scores.masked_fill(protectedTokens.expand(first.shape[0], -1).gather(1, first).unsqueeze(-1), double.NegativeInfinity);
            scores = scores.masked_fill(protectedTokens.expand(second.shape[0], -1).gather(1, second).unsqueeze(-2), double.NegativeInfinity);
        }

        return scores.max(-1);
    }

    /// <summary>The places of the r best scores, and of the others, both from the best down; the lower index first among equals.</summary>
    public static (Tensor Best, Tensor Others) Split(Tensor scores, long r)
    {
        (_, Tensor order) = scores.sort(-1, descending: true, stable: true);
        return (order.narrow(1, 0, r), order.narrow(1, r, order.shape[1] - r));
    }

    /// <summary>Some of the tokens of each image, [B, N, D] → [B, n, D].</summary>
    public static Tensor Rows(Tensor x, Tensor index) => x.gather(1, index.unsqueeze(-1).expand(x.shape[0], index.shape[1], x.shape[2]));

    /// <summary>The tokens at some places of a list.</summary>
    public static Tensor Tokens(Tensor list, Tensor places) => list.expand(places.shape[0], -1).gather(1, places);
}
