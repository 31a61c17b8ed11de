using System.Buffers;
using Merganser.Checkpoints.Analysis;
using Merganser.Checkpoints.Formats;
using Merganser.Weights.Execution;

namespace Merganser.Checkpoints;

/// <summary>How a checkpoint is converted.</summary>
public sealed record ConversionOptions
{
    /// <summary>The element type of floating-point tensors in the output; null keeps each as it is. Integers and bools stay.</summary>
    public DType? DType { get; init; }

    /// <summary>The largest size of a file; 0 for one file.</summary>
    public long MaxShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Replace an existing output.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Gets the bytes read since the last report, from several threads.</summary>
    public IProgress<long>? Progress { get; init; }

    /// <summary>Stops the work; nothing remains of it.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>What a conversion wrote.</summary>
/// <param name="Tensors">The number of tensors.</param>
/// <param name="Files">The number of weight files.</param>
/// <param name="Bytes">The bytes of the tensors.</param>
/// <param name="Overflowed">Finite numbers that are infinite or NaN in the new type, because they are beyond its range.</param>
public sealed record ConversionReport(int Tensors, int Files, long Bytes, long Overflowed);

/// <summary>
/// Writes a checkpoint of any readable format as a safetensors folder: other element type, other shards. Everything else in the
/// folder comes along (tokenizer, templates, model card), with config.json changed only where it names the element type.
/// </summary>
public static class CheckpointConverter
{
    private static readonly string[] WeightEndings =
    [
        ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx", ".ot",
    ];

    /// <summary>Converts; the folder appears under its name only when it is whole.</summary>
    /// <exception cref="MerganserException">The output exists, the disk is full, or an input cannot be read.</exception>
    /// <exception cref="ArgumentException">The element type is none of the floating-point ones.</exception>
    public static ConversionReport Convert(ModelFolder model, string output, ConversionOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        if (options.DType is { } wanted && !wanted.IsFloat())
            throw new ArgumentException($"{wanted} is no floating-point type", nameof(options));
        if (Path.TrimEndingDirectorySeparator(Path.GetFullPath(output)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(model.Path)))
            throw new MerganserException($"{output}: is the input; name another folder");

        TensorSource[] sources = [.. model.Weights.Tensors.Values.OrderBy(tensor => tensor.Info.Name, NaturalOrder.Comparer)];
        TensorInfo[] targets = [.. sources.Select(source => source.Info with { DType = source.Info.DType.IsFloat() ? options.DType ?? source.Info.DType : source.Info.DType })];
        ShardLayout layout = ShardLayout.Create(targets, options.MaxShardBytes);
        StagingFolder staging = StagingFolder.Create(output, options.Overwrite);
        try
        {
            long overflowed;
            using (CheckpointWriter writer = CheckpointWriter.Create(staging.Path, layout, resume: false))
            {
                overflowed = TensorBlocks.Fold(
                    [.. targets.Select(target => target.ElementCount)],
                    block => Copy(sources[block.Tensor], targets[block.Tensor].DType, block, writer),
                    (_, parts) => parts.Sum(),
                    tensor => sources[tensor].Info.DType.Size(),
                    options.Progress,
                    options.Cancellation).Sum();
                writer.Complete(sync: false);
            }

            CopySideFiles(model, staging.Path, options.DType);
            staging.Commit();
            return new ConversionReport(targets.Length, layout.Files.Count, layout.TotalBytes, overflowed);
        }
        catch
        {
            staging.Discard();
            throw;
        }
    }

    private static long Copy(TensorSource source, DType target, TensorBlocks.Block block, CheckpointWriter writer)
    {
        DType type = source.Info.DType;
        byte[] read = ArrayPool<byte>.Shared.Rent(block.Length * type.Size());
        Span<byte> bytes = read.AsSpan(0, block.Length * type.Size());
        source.Read(block.Start * type.Size(), bytes);
        long overflowed = 0;
        if (type == target)
        {
            writer.Write(block.Tensor, block.Start * type.Size(), bytes);
        }
        else
        {
            float[] numbers = ArrayPool<float>.Shared.Rent(block.Length);
            byte[] cast = ArrayPool<byte>.Shared.Rent(block.Length * target.Size());
            Span<float> values = numbers.AsSpan(0, block.Length);
            Span<byte> result = cast.AsSpan(0, block.Length * target.Size());
            TensorCast.ToSingle(bytes, type, values);
            TensorCast.FromSingle(values, target, result);
            overflowed = TensorCast.CountNonFinite(result, target) - TensorCast.CountNonFinite(bytes, type);
            writer.Write(block.Tensor, block.Start * target.Size(), result);
            ArrayPool<float>.Shared.Return(numbers);
            ArrayPool<byte>.Shared.Return(cast);
        }

        ArrayPool<byte>.Shared.Return(read);
        return overflowed;
    }

    private static void CopySideFiles(ModelFolder model, string folder, DType? type)
    {
        if (!Directory.Exists(model.Path))
            return;
        try
        {
            foreach (string name in Directory.EnumerateFiles(model.Path).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal))
            {
                if (name == "config.json" || name.StartsWith('.') || WeightEndings.Any(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase)))
                    continue;
                if (FolderFiles.Find(model.Path, name) is { } file)
                    File.Copy(file, Path.Join(folder, name));
            }

            if (FolderFiles.Find(model.Path, "config.json") is not null)
            {
                ConfigEditor config = model.EditConfig();
                File.WriteAllBytes(Path.Join(folder, "config.json"), (type is { } set ? config.SetDType(set) : config).ToArray());
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{folder}: a file beside the weights cannot be written: {e.Message}", e);
        }
    }
}
