using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>What a caller wants to see of an attention besides its output. Without any of it the fused kernel runs.</summary>
[Flags]
public enum AttentionWish
{
    /// <summary>The output only.</summary>
    None = 0,

    /// <summary>The probabilities [B, H, T, S].</summary>
    Probabilities = 1,

    /// <summary>The logarithm of the sum of exponentials of the scores, [B, H, T].</summary>
    LogSumExp = 2,

    /// <summary>The keys after rotation, [B, Hk, S, D].</summary>
    Keys = 4,

    /// <summary>The queries after rotation, [B, H, T, D].</summary>
    Queries = 8,

    /// <summary>The values, [B, Hk, S, Dv].</summary>
    Values = 16,
}

/// <summary>The result of an attention.</summary>
/// <param name="Output">[B, H, T, Dv].</param>
public sealed record AttentionOutput(Tensor Output)
{
    /// <summary>[B, H, T, S], if it was asked for.</summary>
    public Tensor? Probabilities { get; init; }

    /// <summary>[B, H, T], if it was asked for.</summary>
    public Tensor? LogSumExp { get; init; }

    /// <summary>[B, Hk, S, D], if they were asked for.</summary>
    public Tensor? Keys { get; init; }

    /// <summary>[B, H, T, D], if they were asked for.</summary>
    public Tensor? Queries { get; init; }

    /// <summary>[B, Hk, S, Dv], if they were asked for.</summary>
    public Tensor? Values { get; init; }
}

/// <summary>Scaled dot-product attention, the one that all models use.</summary>
internal static class Attention
{
    /// <summary>softmax(q·kᵀ·scale + bias)·v. The number of query heads is a multiple of the number of key heads; consecutive query heads share one.</summary>
    /// <param name="query">[B, H, T, D].</param>
    /// <param name="keys">[B, Hk, S, D].</param>
    /// <param name="values">[B, Hk, S, Dv].</param>
    /// <param name="bias">Added to the scores.</param>
    /// <param name="scale">Multiplies the scores; D^−½ if left out.</param>
    /// <param name="wish">What else is wanted.</param>
    public static AttentionOutput Compute(Tensor query, Tensor keys, Tensor values, AttentionBias bias, double? scale = null, AttentionWish wish = AttentionWish.None)
    {
        long heads = query.shape[1], width = query.shape[^1];
        double usual = Math.Pow(width, -0.5), wanted = scale ?? usual;
        Tensor allKeys = Repeat(keys, heads), allValues = Repeat(values, heads);
        Tensor? Asked(AttentionWish one, Tensor tensor) => (wish & one) != 0 ? tensor : null;
        if ((wish & (AttentionWish.Probabilities | AttentionWish.LogSumExp)) == 0)
        {
            // The kernel scales by D^−½: another scale goes into the queries.
            Tensor scaled = wanted == usual ? query : query * (wanted / usual);
            Tensor output = bias.IsPlain
                ? nn.functional.scaled_dot_product_attention(scaled, allKeys, allValues, is_casual: bias.IsCausal)
                : nn.functional.scaled_dot_product_attention(scaled, allKeys, allValues, Expanded(bias.ToTensor(query.dtype, query.device), query, allKeys));
            return new AttentionOutput(output) { Keys = Asked(AttentionWish.Keys, keys), Queries = Asked(AttentionWish.Queries, query), Values = Asked(AttentionWish.Values, values) };
        }

        Tensor scores = matmul(query, allKeys.transpose(-1, -2)).to(ScalarType.Float32) * wanted;
        scores += bias.ToTensor(ScalarType.Float32, query.device);
        Tensor logSum = scores.logsumexp(-1, keepdim: true);
        Tensor probabilities = (scores - logSum).exp();
        return new AttentionOutput(matmul(probabilities.to(values.dtype), allValues))
        {
            Probabilities = probabilities,
            LogSumExp = logSum.squeeze(-1),
            Keys = Asked(AttentionWish.Keys, keys),
            Queries = Asked(AttentionWish.Queries, query),
            Values = Asked(AttentionWish.Values, values),
        };
    }

    /// <summary>Key heads repeated for the query heads that share them.</summary>
    public static Tensor Repeat(Tensor x, long heads)
    {
        long own = x.shape[1];
        if (own == heads)
            return x;
        long[] shape = x.shape;
        return x.unsqueeze(2).expand(shape[0], own, heads / own, shape[2], shape[3]).reshape(shape[0], heads, shape[2], shape[3]);
    }

    /// <summary>[B, T, H·D] → [B, H, T, D].</summary>
    public static Tensor SplitHeads(Tensor x, long heads) => x.view(x.shape[0], x.shape[1], heads, x.shape[2] / heads).transpose(1, 2);

    /// <summary>[B, H, T, D] → [B, T, H·D].</summary>
    public static Tensor JoinHeads(Tensor x) => x.transpose(1, 2).reshape(x.shape[0], x.shape[2], x.shape[1] * x.shape[3]);

    private static Tensor Expanded(Tensor bias, Tensor query, Tensor keys)
    {
        long batch = bias.dim() == 4 ? bias.shape[0] : 1, heads = bias.dim() == 4 ? bias.shape[1] : 1;
        return bias.expand(batch, heads, query.shape[2], keys.shape[2]);
    }
}
