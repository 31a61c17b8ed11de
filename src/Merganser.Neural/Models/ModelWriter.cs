using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Merganser.Checkpoints;
using Merganser.Weights.Execution;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// Writes a model as a Hugging Face folder: the parameters under their published names, config.json with the stored type, and the files
/// that came with the model. A tied parameter is left out, as other libraries do, but only where the configuration says that it is tied:
/// otherwise they would draw it anew, and its copy is written.
/// </summary>
internal static class ModelWriter
{
    // A span holds at most 2 GiB: large tensors are written by parts.
    private const long Part = 1L << 30;

    public static void Write(PretrainedModel model, string folder, IReadOnlyList<string> sideFiles, SaveOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        DType type = options.DType ?? StoredType(model.DType);
        if (!type.IsFloat())
            throw new ArgumentException($"{type} is no floating-point type", nameof(options));
        ModelParameter[] stored = [.. model.Parameters.All.Where(IsStored)];
        ShardLayout layout = ShardLayout.Create([.. stored.Select(parameter => new TensorInfo(parameter.Name, type, parameter.Shape))], options.MaxShardBytes);
        StagingFolder staging = StagingFolder.Create(folder, options.Overwrite);
        try
        {
            using (CheckpointWriter writer = CheckpointWriter.Create(staging.Path, layout, resume: false))
            {
                for (int i = 0; i < stored.Length; i++)
                    WriteTensor(writer, i, stored[i].Value, type);
                writer.Complete(sync: false);
            }

            WriteOthers(staging.Path, ConfigOf(model, type), sideFiles);
            staging.Commit();
        }
        catch
        {
            staging.Discard();
            throw;
        }
    }

    private static bool IsStored(ModelParameter parameter) => parameter.IsPresent && !(parameter.IsTied && parameter.StartsTied);

    public static void WriteTensor(CheckpointWriter writer, int index, Tensor value, DType type)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        (ScalarType wanted, bool narrow) = type switch
        {
            DType.F64 => (ScalarType.Float64, false),
            DType.F32 => (ScalarType.Float32, false),
            DType.F16 => (ScalarType.Float16, false),
            DType.BF16 => (ScalarType.BFloat16, false),
            _ => (ScalarType.Float32, true), // 8 bits: rounded by our own casts
        };
        Tensor flat = value.detach().to(wanted, CPU).contiguous().view(-1);
        long step = Part / flat.element_size(), size = type.Size();
        for (long start = 0; start < flat.numel(); start += step)
        {
            using Tensor part = flat.narrow(0, start, Math.Min(step, flat.numel() - start));
            Span<byte> bytes = part.bytes;
            if (narrow)
            {
                byte[] small = new byte[part.numel() * size];
                TensorCast.FromSingle(MemoryMarshal.Cast<byte, float>(bytes), type, small);
                bytes = small;
            }

            writer.Write(index, start * size, bytes);
        }
    }

    private static byte[] ConfigOf(PretrainedModel model, DType type)
    {
        var buffer = new ArrayBufferWriter<byte>();
        // The file is read by programs, never put into a page: names in other scripts stay readable.
        var style = new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var json = new Utf8JsonWriter(buffer, style))
            model.Config.Document.WriteTo(json);
        return [.. new ConfigEditor(buffer.WrittenSpan, "config.json").SetDType(type).ToArray(), (byte)'\n'];
    }

    private static void WriteOthers(string folder, byte[] config, IReadOnlyList<string> sideFiles)
    {
        try
        {
            File.WriteAllBytes(Path.Join(folder, "config.json"), config);
            foreach (string file in sideFiles)
                File.Copy(file, Path.Join(folder, Path.GetFileName(file)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{folder}: a file beside the weights cannot be written: {e.Message}", e);
        }
    }

    private static DType StoredType(ScalarType type) => type switch
    {
        ScalarType.Float64 => DType.F64,
        ScalarType.Float16 => DType.F16,
        ScalarType.BFloat16 => DType.BF16,
        _ => DType.F32,
    };
}
