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

/// <summary>Tensors of one type, one after the other.</summary>
internal sealed class StackedSource : TensorSource
{
    private readonly TensorSource[] _parts;

    public StackedSource(TensorInfo info, IEnumerable<TensorSource> parts)
    {
        Info = info;
        _parts = [.. parts];
        if (_parts.Any(part => part.Info.DType != info.DType) || _parts.Sum(part => part.Info.ByteCount) != info.ByteCount)
            throw new ArgumentException("the parts do not make up the whole", nameof(parts));
    }

    /// <inheritdoc/>
    public override TensorInfo Info { get; }

    /// <inheritdoc/>
    public override string Origin => _parts[0].Origin;

    /// <inheritdoc/>
    public override void Read(long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, Info.ByteCount - byteOffset);
        foreach (TensorSource part in _parts)
        {
            if (destination.IsEmpty)
                return;
            if (byteOffset >= part.Info.ByteCount)
            {
                byteOffset -= part.Info.ByteCount;
                continue;
            }

            int length = (int)Math.Min(destination.Length, part.Info.ByteCount - byteOffset);
            part.Read(byteOffset, destination[..length]);
            destination = destination[length..];
            byteOffset = 0;
        }
    }
}
