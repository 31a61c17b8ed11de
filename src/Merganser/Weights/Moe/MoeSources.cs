using System.Collections.Immutable;
using System.Numerics.Tensors;
using Merganser.Checkpoints;
using Merganser.Weights.Tools;

namespace Merganser.Weights.Moe;

/// <summary>A tensor with seeded normal noise added, then multiplied by a factor.</summary>
internal sealed class NoisySource(TensorSource source, TensorInfo info, double noise, double factor, ulong seed, string key) : ElementSource(info, source.Origin)
{
    private readonly KeyedRandom _random = new(seed, key);

    /// <inheritdoc/>
    protected override void Compute(long start, Span<float> values)
    {
        ReadElements(source, start, values);
        for (int i = 0; noise != 0 && i < values.Length; i++)
            values[i] += (float)(noise * _random.Normal(start + i));
        TensorPrimitives.Multiply(values, (float)factor, values);
    }
}

/// <summary>Values in memory.</summary>
internal sealed class ValueSource(string name, ImmutableArray<long> shape, float[] values) : ElementSource(new TensorInfo(name, DType.F32, shape), "computed")
{
    /// <inheritdoc/>
    protected override void Compute(long start, Span<float> destination) => values.AsSpan((int)start, destination.Length).CopyTo(destination);
}
