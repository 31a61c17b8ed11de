using Merganser.Checkpoints;

namespace Merganser.Experiments;

/// <summary>Reads tensors of a checkpoint as float32 and checks their shapes.</summary>
internal sealed class WeightReader(Checkpoint checkpoint)
{
    /// <summary>The dimensions of a tensor that must have <paramref name="rank"/> of them.</summary>
    public long[] Shape(string name, int rank)
    {
        TensorInfo info = Find(name).Info;
        return info.Shape.Length == rank ? [.. info.Shape] : throw new MerganserException($"{checkpoint.Path}: tensor '{name}' has shape {info.ShapeText}; {rank} dimensions were expected");
    }

    /// <summary>All elements of a tensor, whatever its shape.</summary>
    public float[] Vector(string name, int length)
    {
        TensorSource source = Find(name);
        if (source.Info.ElementCount != length || !source.Info.DType.IsFloat())
            throw new MerganserException($"{checkpoint.Path}: tensor '{name}' is {source.Info.DType.SafetensorsName()} {source.Info.ShapeText}; {length} floating-point numbers were expected");
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        float[] values = new float[length];
        TensorCast.ToSingle(bytes, source.Info.DType, values);
        return values;
    }

    /// <summary>A linear layer from <c>name.weight</c> [out, in…] and <c>name.bias</c>.</summary>
    public Linear Linear(string name, int inputs, int outputs) => new(Vector(name + ".weight", inputs * outputs), Vector(name + ".bias", outputs), inputs);

    private TensorSource Find(string name) =>
        checkpoint.Tensors.GetValueOrDefault(name) ?? throw new MerganserException($"{checkpoint.Path}: has no tensor '{name}'; is it a model of the vit28-tasks family?");
}
