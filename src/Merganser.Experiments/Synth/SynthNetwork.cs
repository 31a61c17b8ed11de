using System.Numerics.Tensors;
using Merganser.Weights;

namespace Merganser.Experiments.Synth;

/// <summary>
/// The network of the synthetic tasks: a trunk of three linear layers, each followed by GELU, and one head that all tasks share. Weights lie [in, out].
/// Parameters: <c>trunk.i.weight</c>, <c>trunk.i.bias</c>; the head apart.
/// </summary>
internal sealed class SynthNetwork
{
    public const int Inputs = 16, Classes = 6, Depth = 3;

    private readonly int _width;

    public SynthNetwork(int width, SynthRandom random)
    {
        _width = width;
        Weights = new float[Depth + 1][];
        Biases = new float[Depth + 1][];
        for (int layer = 0; layer <= Depth; layer++)
        {
            double bound = 1 / Math.Sqrt(Rows(layer));
            Weights[layer] = Uniform(Rows(layer) * Columns(layer), bound, random);
            Biases[layer] = Uniform(Columns(layer), bound, random);
        }
    }

    private SynthNetwork(SynthNetwork other)
    {
        _width = other._width;
        Weights = [.. other.Weights.Select(values => (float[])values.Clone())];
        Biases = [.. other.Biases.Select(values => (float[])values.Clone())];
    }

    /// <summary>The matrices; the last one is the head.</summary>
    public float[][] Weights { get; }

    /// <summary>The biases; the last one is the head's.</summary>
    public float[][] Biases { get; }

    public int Rows(int layer) => layer == 0 ? Inputs : _width;

    public int Columns(int layer) => layer == Depth ? Classes : _width;

    public SynthNetwork Copy() => new(this);

    /// <summary>The trunk as a model that can be merged.</summary>
    public ArrayModel Trunk()
    {
        var model = new ArrayModel();
        for (int layer = 0; layer < Depth; layer++)
        {
            model.With($"trunk.{layer}.weight", [Rows(layer), Columns(layer)], (float[])Weights[layer].Clone());
            model.With($"trunk.{layer}.bias", [Columns(layer)], (float[])Biases[layer].Clone());
        }

        return model;
    }

    /// <summary>This network with another trunk.</summary>
    public SynthNetwork With(ArrayModel trunk)
    {
        SynthNetwork copy = Copy();
        for (int layer = 0; layer < Depth; layer++)
        {
            trunk[$"trunk.{layer}.weight"].Values.CopyTo(copy.Weights[layer], 0);
            trunk[$"trunk.{layer}.bias"].Values.CopyTo(copy.Biases[layer], 0);
        }

        return copy;
    }

    /// <summary>The logits of a batch, [B, 6]. Keeps what the backward pass needs in <paramref name="trace"/> when there is one.</summary>
    public float[] Forward(float[] x, int count, (float[] Before, float[] After)[]? trace = null)
    {
        for (int layer = 0; layer <= Depth; layer++)
        {
            float[] y = new float[count * Columns(layer)];
            for (int row = 0; row < count; row++)
                Biases[layer].CopyTo(y.AsSpan(row * Columns(layer)));
            SingleGemm.Multiply(x, Rows(layer), 1, Weights[layer], y, count, Rows(layer), Columns(layer), accumulate: true);
            if (layer == Depth)
                return y;
            float[] before = trace is null ? y : (float[])y.Clone();
            Gelu.Apply(y);
            if (trace is not null)
                trace[layer] = (before, y);
            x = y;
        }

        throw new InvalidOperationException();
    }

    /// <summary>The share of samples whose largest logit is that of their label.</summary>
    public double Accuracy(SynthSet set)
    {
        float[] logits = Forward(set.Inputs, set.Count);
        int hits = 0;
        for (int i = 0; i < set.Count; i++)
        {
            if (TensorPrimitives.IndexOfMax(logits.AsSpan(i * Classes, Classes)) == set.Labels[i])
                hits++;
        }

        return (double)hits / set.Count;
    }

    private static float[] Uniform(int count, double bound, SynthRandom random)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (float)(bound * ((2 * random.Uniform()) - 1));
        return values;
    }
}

/// <summary>Samples with their labels.</summary>
/// <param name="Inputs">[B, 16].</param>
/// <param name="Labels">The class of each.</param>
internal sealed record SynthSet(float[] Inputs, byte[] Labels)
{
    public int Count => Labels.Length;
}
