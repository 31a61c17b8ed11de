using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Embeddings;

/// <summary>Pooling of token vectors, as sentence-transformers (arXiv 1908.10084) computes it: in float32, over the tokens of the mask.</summary>
internal static class TokenPooling
{
    private const double Least = 1e-9;

    /// <summary>Hidden states [B, T, D] and a mask [B, T] → [B, D].</summary>
    /// <param name="hidden">The hidden states.</param>
    /// <param name="mask">1 where a token counts.</param>
    /// <param name="pooling">Any but <see cref="Pooling.Pooler"/>.</param>
    public static Tensor Apply(Tensor hidden, Tensor mask, Pooling pooling)
    {
        using DisposeScope scope = NewDisposeScope();
        hidden = hidden.to(ScalarType.Float32);
        Tensor weight = mask.to(ScalarType.Float32).unsqueeze(-1); // [B, T, 1]
        return scope.MoveToOuter(pooling switch
        {
            Pooling.Cls => hidden.select(1, 0).clone(),
            Pooling.Max => hidden.masked_fill(weight.eq(0), -1e9).amax([1]),
            Pooling.Mean => (hidden * weight).sum(1) / weight.sum(1).clamp_min(Least),
            Pooling.MeanSqrt => (hidden * weight).sum(1) / weight.sum(1).clamp_min(Least).sqrt(),
            Pooling.WeightedMean => Weighted(hidden, weight * arange(1, hidden.shape[1] + 1, ScalarType.Float32, hidden.device).view(1, -1, 1)),
            Pooling.Last => Last(hidden, mask),
            _ => throw new ArgumentOutOfRangeException(nameof(pooling), pooling, "is not computed from tokens"),
        });
    }

    /// <summary>Rows of length 1; a zero row stays.</summary>
    public static Tensor Unit(Tensor rows) => rows / rows.norm(1, keepdim: true).clamp_min(1e-12);

    private static Tensor Weighted(Tensor hidden, Tensor weight) => (hidden * weight).sum(1) / weight.sum(1).clamp_min(Least);

    private static Tensor Last(Tensor hidden, Tensor mask)
    {
        Tensor places = arange(mask.shape[1], ScalarType.Int64, mask.device).unsqueeze(0);
        Tensor last = (mask.to(ScalarType.Int64) * places).amax([1]); // No token: the first.
        return hidden.gather(1, last.view(-1, 1, 1).expand(-1, 1, hidden.shape[2])).squeeze(1);
    }
}
