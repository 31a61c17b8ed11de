using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Tests.Checkpoints;

/// <summary>A tensor in memory, and models made of such tensors.</summary>
internal sealed class MemoryTensor(TensorInfo info, byte[] bytes) : TensorSource
{
    public override TensorInfo Info => info;

    public override string Origin => "memory";

    public override void Read(long byteOffset, Span<byte> destination) => bytes.AsSpan((int)byteOffset, destination.Length).CopyTo(destination);

    /// <summary>A float32 tensor of zeros.</summary>
    public static MemoryTensor Zeros(string name, params long[] shape)
    {
        var info = new TensorInfo(name, DType.F32, [.. shape]);
        return new MemoryTensor(info, new byte[info.ByteCount]);
    }

    /// <summary>A model of named tensors; the shape of each is [2, 3] unless the name ends in <c>:AxB</c>.</summary>
    public static ModelFolder Model(string config, params IEnumerable<string> names)
    {
        IEnumerable<TensorSource> tensors = names.Select(name =>
        {
            string[] parts = name.Split(':');
            return Zeros(parts[0], parts.Length == 1 ? [2, 3] : [.. parts[1].Split('x').Select(long.Parse)]);
        });
        return new ModelFolder("memory", JsonNode.Parse(config)!.AsObject(), new Checkpoint("memory", tensors, []));
    }

    /// <summary>The names of a pattern in which <c>#</c> stands for the layers 0 … <paramref name="layers"/> − 1.</summary>
    public static IEnumerable<string> Expand(int layers, params IEnumerable<string> patterns) =>
        patterns.SelectMany(pattern => pattern.Contains('#')
            ? Enumerable.Range(0, layers).Select(layer => pattern.Replace("#", layer.ToString(System.Globalization.CultureInfo.InvariantCulture)))
            : [pattern]);
}
