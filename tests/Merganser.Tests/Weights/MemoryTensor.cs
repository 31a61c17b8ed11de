using System.Collections.Immutable;
using Merganser.Checkpoints;

namespace Merganser.Tests.Weights;

/// <summary>A tensor in memory, for tests.</summary>
internal sealed class MemoryTensor(TensorInfo info, byte[] bytes) : TensorSource
{
    public override TensorInfo Info => info;

    public override string Origin => "memory";

    public override void Read(long byteOffset, Span<byte> destination) => bytes.AsSpan((int)byteOffset, destination.Length).CopyTo(destination);

    public static MemoryTensor Of(string name, ImmutableArray<long> shape, ReadOnlySpan<float> values, DType type = DType.F32)
    {
        var info = new TensorInfo(name, type, shape);
        byte[] bytes = new byte[info.ByteCount];
        TensorCast.FromSingle(values, type, bytes);
        return new MemoryTensor(info, bytes);
    }

    /// <summary>A matrix of normal numbers.</summary>
    public static MemoryTensor Random(Random random, string name, params long[] shape)
    {
        var info = new TensorInfo(name, DType.F32, [.. shape]);
        float[] values = new float[info.ElementCount];
        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return Of(name, info.Shape, values);
    }

    public static float[] Values(TensorSource source)
    {
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        float[] values = new float[source.Info.ElementCount];
        TensorCast.ToSingle(bytes, source.Info.DType, values);
        return values;
    }
}
