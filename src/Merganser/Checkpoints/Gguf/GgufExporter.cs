using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Merganser.Checkpoints.Formats;
using Microsoft.Win32.SafeHandles;

namespace Merganser.Checkpoints.Gguf;

/// <summary>What came of an export.</summary>
/// <param name="Tensors">The number of tensors in the file.</param>
/// <param name="Bytes">The length of the file.</param>
/// <param name="Remarks">What the user should know: a missing tokenizer, tensors in a wider type than asked for.</param>
public sealed record GgufExport(int Tensors, long Bytes, ImmutableArray<string> Remarks);

/// <summary>
/// Writes Llama-family folders (Llama, Mistral, Mixtral, Qwen2, Qwen3, Gemma 1 to 3) as one GGUF file for llama.cpp: names, hyper-parameters,
/// vocabulary, query and key rows in the order that its rotary embedding wants. Vectors stay F32; with Q8_0, matrices whose rows are no
/// multiple of 32 become F16. Streams with a fixed amount of memory for each thread.
/// </summary>
public static class GgufExporter
{
    private const int BlockElements = 256 * 1024;

    /// <summary>Writes the file: under another name first, then renamed.</summary>
    /// <param name="model">The folder.</param>
    /// <param name="path">The file, an existing one is replaced.</param>
    /// <param name="type">The type of matrices.</param>
    /// <param name="name">The value of <c>general.name</c>; null for the folder's name.</param>
    /// <param name="progress">Gets the bytes read since the last report.</param>
    /// <param name="cancellation">Stops the export; nothing remains of it.</param>
    /// <exception cref="MerganserException">The model has no counterpart in GGUF, lacks settings, has NaN where Q8_0 is asked for, or the disk fails.</exception>
    public static GgufExport Export(ModelFolder model, string path, GgufType type, string? name = null, IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        GgufFamily family = GgufFamily.Of(model);
        var hyperparameters = new GgufHyperparameters(model, family);
        GgufExperts? experts = GgufExperts.Has(model) ? new GgufExperts(model) : null;
        List<Output> outputs = Collect(model, family, hyperparameters, experts, type);
        Output embedding = outputs.Find(output => output.Name == "token_embd.weight") ?? throw new MerganserException($"{model.Path}: has no token embedding");
        int rows = checked((int)embedding.Source.Info.Shape[0]);

        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        var metadata = new GgufMetadata();
        metadata.Add("general.architecture", family.Name);
        metadata.Add("general.name", name ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model.Path))));
        metadata.Add("general.file_type", type.FileType());
        metadata.Add("general.alignment", GgufLayout.Alignment);
        if (type == GgufType.Q8)
            metadata.Add("general.quantization_version", 2u);
        hyperparameters.Write(metadata, architecture.LayerCount(model), rows);
        experts?.Write(metadata, family.Name);
        List<string> remarks = [];
        if (GgufTokenizer.Write(metadata, model, rows) is { } remark)
            remarks.Add(remark);
        int wider = outputs.Count(output => type == GgufType.Q8 && output.Type == GgufType.F16);
        if (wider > 0)
            remarks.Add($"{wider} matrices have rows that are no multiple of {Q8Blocks.Length}; they are F16");

        GgufLayout layout = GgufLayout.Create(metadata, outputs.Select(output => (output.Name, output.Type, output.Source.Info.Shape)));
        WriteFile(path, layout, outputs, progress, cancellation);
        return new GgufExport(outputs.Count, layout.Length, [.. remarks]);
    }

    private static List<Output> Collect(ModelFolder model, GgufFamily family, GgufHyperparameters hyperparameters, GgufExperts? experts, GgufType type)
    {
        List<Output> outputs = [];
        bool tied = model.GetConfigBool("tie_word_embeddings") ?? family.NormOffset != 0;
        foreach (TensorSource source in model.Weights.Tensors.Values.OrderBy(tensor => tensor.Info.Name, NaturalOrder.Comparer))
        {
            TensorInfo info = source.Info;
            if (experts is not null && experts.Take(source))
                continue;
            if (family.Map(info.Name, model) is not { } mapped || (tied && mapped == "output.weight"))
                continue;
            if (!info.DType.IsFloat() || info.Shape.Length is < 1 or > 2)
                throw new MerganserException($"{source.Origin}: tensor {Quoted.Name(info.Name)} is {info.DType.SafetensorsName()} {info.ShapeText}; GGUF export takes floating-point vectors and matrices");
            bool vector = info.Shape.Length == 1;
            int heads = !family.InterleavesHeads ? 0 : mapped.Contains(".attn_q.", StringComparison.Ordinal) ? hyperparameters.Heads
                : mapped.Contains(".attn_k.", StringComparison.Ordinal) ? hyperparameters.KeyValueHeads : 0;
            if (heads > 0 && info.Shape[0] % (heads * 2) != 0)
                throw new MerganserException($"{source.Origin}: tensor {Quoted.Name(info.Name)} {info.ShapeText} does not divide into {heads} heads of two halves");

            // llama.cpp wants routers in full precision: they decide, they do not weigh much.
            GgufType stored = vector || mapped.EndsWith("ffn_gate_inp.weight", StringComparison.Ordinal) ? GgufType.F32 : Stored(info, type);
            outputs.Add(new Output(mapped, source, stored, heads, mapped.EndsWith("norm.weight", StringComparison.Ordinal) ? family.NormOffset : 0));
        }

        foreach (TensorSource stack in experts?.Stacks() ?? [])
        {
            if (!stack.Info.DType.IsFloat())
                throw new MerganserException($"{stack.Origin}: experts are {stack.Info.DType.SafetensorsName()}; GGUF export takes floating-point matrices");
            outputs.Add(new Output(stack.Info.Name, stack, Stored(stack.Info, type), 0, 0));
        }

        if (hyperparameters.RopeFactors() is { } factors)
            outputs.Add(new Output("rope_freqs.weight", new ConstantSource("rope_freqs.weight", factors), GgufType.F32, 0, 0));
        return outputs;
    }

    private static GgufType Stored(TensorInfo matrix, GgufType type) => type == GgufType.Q8 && matrix.Shape[^1] % Q8Blocks.Length != 0 ? GgufType.F16 : type;

    private static void WriteFile(string path, GgufLayout layout, List<Output> outputs, IProgress<long>? progress, CancellationToken cancellation)
    {
        string temporary = $"{path}.{Guid.NewGuid():N}.part";
        try
        {
            if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder)
                Directory.CreateDirectory(folder);
            using (SafeFileHandle handle = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, layout.Length))
            {
                RandomAccess.SetLength(handle, layout.Length);
                RandomAccess.Write(handle, layout.Header, 0);
                var options = new ParallelOptions { CancellationToken = cancellation };
                Parallel.For(0, outputs.Count, options, i => WriteTensor(handle, layout.Header.Length + layout.Tensors[i].Offset, outputs[i], progress, cancellation));
                RandomAccess.FlushToDisk(handle);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e)
        {
            TryDelete(temporary);
            if (e is AggregateException { InnerException: MerganserException inner })
                throw inner;
            Exception cause = e is AggregateException { InnerException: { } first } ? first : e;
            if (cause is IOException or UnauthorizedAccessException or NotSupportedException)
                throw new MerganserException($"{path}: cannot be written: {cause.Message}", e);
            throw;
        }
    }

    private static void WriteTensor(SafeFileHandle handle, long start, Output output, IProgress<long>? progress, CancellationToken cancellation)
    {
        TensorInfo info = output.Source.Info;
        long rowLength = info.Shape.Length >= 2 ? info.Shape[^1] : output.HeadCount > 0 ? 1 : info.ElementCount;
        if (rowLength == 0)
            return;
        long rows = info.ElementCount / rowLength;
        int elementBytes = info.DType.Size();

        // Whole rows where they are short; long rows are cut at multiples of a quantisation block.
        long step = Math.Min(rowLength, BlockElements);
        int rowsAtOnce = (int)Math.Clamp(BlockElements / step, 1, rows);
        byte[] raw = ArrayPool<byte>.Shared.Rent(checked((int)step * rowsAtOnce * elementBytes));
        float[] values = ArrayPool<float>.Shared.Rent((int)step * rowsAtOnce);
        byte[] packed = ArrayPool<byte>.Shared.Rent((int)step * rowsAtOnce * sizeof(float));
        try
        {
            for (long row = 0; row < rows; row += rowsAtOnce)
            {
                int count = (int)Math.Min(rowsAtOnce, rows - row);
                for (long column = 0; column < rowLength; column += step)
                {
                    cancellation.ThrowIfCancellationRequested();
                    int width = (int)Math.Min(step, rowLength - column);
                    Span<byte> bytes = raw.AsSpan(0, count * width * elementBytes);
                    ReadRows(output, row, count, column, width, rowLength, bytes);
                    Span<float> numbers = values.AsSpan(0, count * width);
                    bool finite = TensorCast.ToSingleAndCheck(bytes, info.DType, numbers);
                    if (!finite && output.Type == GgufType.Q8)
                        throw new MerganserException($"{output.Source.Origin}: tensor {Quoted.Name(info.Name)} holds NaN or infinite numbers, which Q8_0 cannot");
                    if (output.Offset != 0)
                        System.Numerics.Tensors.TensorPrimitives.Add(numbers, output.Offset, numbers);
                    Span<byte> result = packed.AsSpan(0, (int)output.Type.Bytes(numbers.Length));
                    Pack(numbers, output.Type, result);
                    RandomAccess.Write(handle, result, start + output.Type.Bytes(((row * rowLength) + column)));
                    progress?.Report(bytes.Length);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(raw);
            ArrayPool<float>.Shared.Return(values);
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    private static void ReadRows(Output output, long row, int count, long column, int width, long rowLength, Span<byte> destination)
    {
        int size = output.Source.Info.DType.Size();
        if (output.HeadCount == 0)
        {
            output.Source.Read(((row * rowLength) + column) * size, destination);
            return;
        }

        // Row 2j + p of a head comes from row p·(d/2) + j: the halves are shuffled together like cards.
        long headRows = output.Source.Info.Shape[0] / output.HeadCount;
        for (int i = 0; i < count; i++)
        {
            long head = Math.DivRem(row + i, headRows, out long within);
            long source = (head * headRows) + ((within % 2) * (headRows / 2)) + (within / 2);
            output.Source.Read(((source * rowLength) + column) * size, destination.Slice(i * width * size, width * size));
        }
    }

    private static void Pack(ReadOnlySpan<float> numbers, GgufType type, Span<byte> destination)
    {
        if (type == GgufType.Q8)
            Q8Blocks.Quantise(numbers, destination);
        else
            TensorCast.FromSingle(numbers, type.ToDType(), destination);
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one worth reporting.
        }
    }

    /// <summary>A tensor to be written. HeadCount is 0 where rows stay in place.</summary>
    private sealed record Output(string Name, TensorSource Source, GgufType Type, int HeadCount, float Offset);

    private sealed class ConstantSource(string name, float[] values) : TensorSource
    {
        public override TensorInfo Info { get; } = new(name, DType.F32, [values.Length]);

        public override string Origin => "config.json";

        public override void Read(long byteOffset, Span<byte> destination) => MemoryMarshal.AsBytes(values.AsSpan()).Slice((int)byteOffset, destination.Length).CopyTo(destination);
    }
}
