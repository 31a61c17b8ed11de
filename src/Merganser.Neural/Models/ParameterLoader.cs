using System.Runtime.InteropServices;
using Merganser.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>Fills the parameters of a model from a checkpoint and writes them back. Every tensor must be placed; every parameter must be filled.</summary>
internal static class ParameterLoader
{
    private const int NamesInMessage = 5;

    public static void Load(ModelParameters parameters, WeightMap map, Checkpoint checkpoint) => Load(parameters, map, checkpoint, static _ => false, static _ => false);

    /// <summary>The same for a model with new parts. Returns the parameters that have no value yet.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="map">Where tensors belong.</param>
    /// <param name="checkpoint">The file.</param>
    /// <param name="isNew">Parameters that take nothing from the file, by name.</param>
    /// <param name="mayLack">Parameters that the file may not have.</param>
    public static IReadOnlyList<ModelParameter> Load(ModelParameters parameters, WeightMap map, Checkpoint checkpoint, Func<string, bool> isNew, Func<string, bool> mayLack)
    {
        var unexpected = new List<string>();
        var filledBy = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, TensorSource source) in checkpoint.Tensors)
        {
            WeightMap.Placement placement = map.Place(name, target => parameters.Find(target) is not null);
            if (placement.Note is { } note)
                parameters.Options.Note?.Invoke($"{name}: left out, {note}");
            else if (placement.Targets.IsEmpty)
                unexpected.Add(name);
            else if (placement.Targets.All(isNew))
                parameters.Options.Note?.Invoke($"{name}: left out, this part of the model is new");
            else
                Fill(parameters, placement, source, filledBy);
        }

        Untie(parameters);
        ModelParameter[] empty = [.. parameters.All.Where(parameter => !parameter.IsPresent && !parameter.IsOptional)];
        string[] missing = [.. empty.Select(parameter => parameter.Name).Where(name => !isNew(name) && !mayLack(name))];
        if (missing.Length > 0 || unexpected.Count > 0)
        {
            string[] parts = [.. new[] { Part("missing", missing), Part("not expected", unexpected) }.Where(part => part.Length > 0)];
            throw new MerganserException($"{checkpoint.Path}: the tensors do not fit the architecture: {string.Join("; ", parts)}");
        }

        return empty;
    }

    /// <summary>A tensor of the file's type with the file's bytes.</summary>
    public static Tensor Read(TensorSource source)
    {
        TensorInfo info = source.Info;
        (ScalarType type, bool widen) = info.DType switch
        {
            DType.F32 => (ScalarType.Float32, false),
            DType.F64 => (ScalarType.Float64, false),
            DType.F16 => (ScalarType.Float16, false),
            DType.BF16 => (ScalarType.BFloat16, false),
            DType.F8E4M3 or DType.F8E5M2 => (ScalarType.Float32, true),
            DType.I64 => (ScalarType.Int64, false),
            DType.I32 => (ScalarType.Int32, false),
            DType.I16 => (ScalarType.Int16, false),
            DType.I8 => (ScalarType.Int8, false),
            DType.U8 => (ScalarType.Byte, false),
            DType.Bool => (ScalarType.Bool, false),
            _ => throw new MerganserException($"{source.Origin}: elements of type {info.DType.SafetensorsName()} cannot be used in a model"),
        };
        Tensor tensor = empty(info.Shape.AsSpan(), type);
        if (info.ElementCount == 0)
            return tensor;
        if (widen)
        {
            byte[] stored = new byte[checked((int)info.ByteCount)];
            source.Read(0, stored);
            TensorCast.ToSingle(stored, info.DType, MemoryMarshal.Cast<byte, float>(tensor.bytes));
            return tensor;
        }

        // A span holds at most 2 GiB: large tensors are read by rows.
        const long Part = 1L << 30;
        if (info.ByteCount <= Part)
        {
            source.Read(0, tensor.bytes);
            return tensor;
        }

        using Tensor flat = tensor.view(-1);
        int size = info.DType.Size();
        for (long offset = 0; offset < info.ByteCount; offset += Part)
        {
            long bytes = Math.Min(Part, info.ByteCount - offset);
            using Tensor part = flat.narrow(0, offset / size, bytes / size);
            source.Read(offset, part.bytes);
        }

        return tensor;
    }

    private static void Fill(ModelParameters parameters, WeightMap.Placement placement, TensorSource source, Dictionary<string, string> filledBy)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor stored = Read(source);
        if (!stored.is_floating_point())
            throw new MerganserException($"{source.Origin}: tensor '{source.Info.Name}' holds {source.Info.DType.SafetensorsName()}; a parameter must be of a floating-point type");
        int parts = placement.Targets.Length;
        if (placement.Change == TensorChange.Split && (stored.dim() == 0 || stored.shape[0] % parts != 0))
            throw new MerganserException($"{source.Origin}: tensor '{source.Info.Name}' is {source.Info.ShapeText}; its first axis must hold {parts} equal parts");
        for (int part = 0; part < parts; part++)
        {
            ModelParameter parameter = parameters[placement.Targets[part]];
            Tensor value = placement.Change switch
            {
                TensorChange.Transpose when stored.dim() == 2 => stored.t().contiguous(),
                TensorChange.Split => stored.narrow(0, part * (stored.shape[0] / parts), stored.shape[0] / parts).contiguous(),
                TensorChange.Reshape when stored.numel() == parameter.Shape.Aggregate(1L, (product, extent) => product * extent) => stored.reshape([.. parameter.Shape]),
                _ => stored,
            };
            if (!value.shape.AsSpan().SequenceEqual(parameter.Shape.AsSpan()))
                throw new MerganserException($"{source.Origin}: tensor '{source.Info.Name}' is {source.Info.ShapeText}; the configuration asks for [{string.Join(", ", parameter.Shape)}] in '{parameter.Name}'");
            if (!filledBy.TryAdd(parameter.Name, source.Info.Name))
                throw new MerganserException($"{source.Origin}: '{source.Info.Name}' and '{filledBy[parameter.Name]}' are both '{parameter.Name}'");
            parameters.Set(parameter, value);
        }
    }

    /// <summary>A stored copy of a tied tensor is dropped; one that differs stays.</summary>
    private static void Untie(ModelParameters parameters)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (ModelParameter parameter in parameters.All)
        {
            if (parameter.TiedTo is { IsPresent: true } other && !parameter.IsTied && parameter.IsPresent && parameter.Value.equal(other.Value).all().ToBoolean())
            {
                parameter.Set(null);
                parameters.Options.Note?.Invoke($"{parameter.Name}: left out, a copy of {other.Name}");
            }
        }
    }

    private static string Part(string what, IReadOnlyCollection<string> names) => names.Count == 0 ? "" :
        $"{what}: {string.Join(", ", names.Order(StringComparer.Ordinal).Take(NamesInMessage))}{(names.Count > NamesInMessage ? $" and {names.Count - NamesInMessage} more" : "")}";
}
