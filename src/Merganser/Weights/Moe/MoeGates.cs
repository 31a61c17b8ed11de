using System.Numerics.Tensors;
using Merganser.Checkpoints;
using Merganser.Weights.Spectral;
using Merganser.Weights.Tools;

namespace Merganser.Weights.Moe;

/// <summary>The rows of the routers: one vector for each expert and layer.</summary>
internal sealed class MoeGates(MoeConfig config, TensorSource embedding, ulong seed, HiddenGates? hidden)
{
    /// <summary>Above this condition number of a router, experts are hard to tell apart.</summary>
    public const double MaxCondition = 5;

    private const double SmallestNorm = 1e-8;

    private readonly int _width = checked((int)embedding.Info.Shape[1]);

    /// <summary>Refuses ids that the embedding has no row for.</summary>
    public static void CheckTokens(MoePrompt prompt, TensorSource embedding)
    {
        foreach (int id in prompt.Tokens)
        {
            if (id >= embedding.Info.Shape[0])
                throw prompt.Position.Error($"token {id} is not in the vocabulary of {embedding.Info.Shape[0]} of {embedding.Origin}");
        }
    }

    /// <summary>The router of a layer, [experts, width].</summary>
    /// <param name="experts">The experts.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="what">Keys random numbers: what the gate is for.</param>
    public float[] Layer(IReadOnlyList<MoeExpert> experts, int layer, string what)
    {
        float[] gate = new float[experts.Count * _width];
        var random = new KeyedRandom(seed, $"{what} {layer}");
        for (int expert = 0; expert < experts.Count; expert++)
        {
            Span<float> row = gate.AsSpan(expert * _width, _width);
            if (hidden is not null)
            {
                hidden.Row(experts[expert], layer).CopyTo(row);
                continue;
            }

            if (!config.HasRandomGates)
            {
                FromPrompts(experts[expert], row);
                continue;
            }

            double edge = 1 / Math.Sqrt(_width);
            for (int i = 0; i < row.Length; i++)
            {
                long index = (expert * (long)_width) + i;
                row[i] = (float)(config.GateMode == MoeGateMode.Random ? random.Normal(index) : ((2 * random.Uniform(index)) - 1) * edge);
            }
        }

        return gate;
    }

    /// <summary>The ratio of the largest and smallest singular value of a router; infinite when an expert depends on the others.</summary>
    public double Condition(float[] gate)
    {
        int experts = gate.Length / _width;
        ThinSvd svd = SpectralKit.Svd(gate, experts, _width);
        double smallest = svd.Rank < Math.Min(experts, _width) ? 0 : svd.S[^1];
        return smallest > 0 ? svd.S[0] / smallest : double.PositiveInfinity;
    }

    private void FromPrompts(MoeExpert expert, Span<float> row)
    {
        double[] direction = Direction(expert.PositivePrompts);
        if (!expert.NegativePrompts.IsEmpty)
            TensorPrimitives.Subtract(direction, Direction(expert.NegativePrompts), direction);
        TensorPrimitives.Divide(direction, Math.Max(TensorPrimitives.Norm<double>(direction), SmallestNorm), direction);
        TensorPrimitives.ConvertSaturating<double, float>(direction, row);
    }

    /// <summary>The sum of the embeddings of all tokens of all prompts, at length 1.</summary>
    private double[] Direction(IEnumerable<MoePrompt> prompts)
    {
        double[] sum = new double[_width];
        float[] values = new float[_width];
        double[] wide = new double[_width];
        byte[] bytes = new byte[_width * embedding.Info.DType.Size()];
        foreach (MoePrompt prompt in prompts)
        {
            CheckTokens(prompt, embedding);
            foreach (int id in prompt.Tokens)
            {
                embedding.Read((long)id * bytes.Length, bytes);
                TensorCast.ToSingle(bytes, embedding.Info.DType, values);
                TensorPrimitives.ConvertSaturating<float, double>(values, wide);
                TensorPrimitives.Add(sum, wide, sum);
            }
        }

        TensorPrimitives.Divide(sum, Math.Max(TensorPrimitives.Norm<double>(sum), SmallestNorm), sum);
        return sum;
    }
}
