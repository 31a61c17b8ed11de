using System.Numerics;
using System.Runtime.InteropServices;
using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>The weights of one layer.</summary>
internal sealed record PackedLayer(PackedMatrix QueryKeyValue, PackedMatrix Output, PackedMatrix GateUp, PackedMatrix Down)
{
    public required float[] Before { get; init; }

    public required float[] Between { get; init; }

    public float[]? QueryNorm { get; init; }

    public float[]? KeyNorm { get; init; }

    public float[]? QueryKeyValueBias { get; init; }

    public float[]? OutputBias { get; init; }

    public float[]? GateUpBias { get; init; }

    public float[]? DownBias { get; init; }
}

/// <summary>
/// A copy of a Llama-family model for one-token steps: matrices that multiply the same vector joined, all in one block of packed memory.
/// Several decoders may share it; the last one to dispose it frees it.
/// </summary>
internal sealed class PackedLlama : IDisposable
{
    private const int RowsAtOnce = 256;

    private readonly ModelParameters _parameters;
    private readonly PackedWeights _memory;
    private int _owners = 1;

    /// <param name="model">The model.</param>
    /// <param name="wish">The format, or null for the smallest that loses nothing.</param>
    public PackedLlama(LlamaModel model, WeightFormat? wish)
    {
        WeightFormat format = wish ?? (HoldsOnlyBFloat16(model.Parameters) ? WeightFormat.BFloat16 : WeightFormat.Float32);
        (Shape, Format, VocabularySize, _parameters) = (model.Shape, format, model.VocabularySize, model.Parameters);
        int width = Shape.Width, queries = Shape.Heads * Shape.HeadDim, keys = Shape.KeyHeads * Shape.HeadDim;
        bool isTied = _parameters["lm_head.weight"].IsTied && format != WeightFormat.Int8;
        WeightFormat embedding = format == WeightFormat.Int8 ? WeightFormat.BFloat16 : format;
        long layer = PackedMatrix.Size(queries + (2 * keys), width, format) + PackedMatrix.Size(width, queries, format)
            + PackedMatrix.Size(2 * Shape.Intermediate, width, format) + PackedMatrix.Size(width, Shape.Intermediate, format);
        _memory = new PackedWeights(checked((layer * Shape.Layers) + PackedMatrix.Size(VocabularySize, width, format) + (isTied ? 0 : PackedMatrix.Size(VocabularySize, width, embedding))));
        try
        {
            using IDisposable quiet = no_grad();
            Layers = new PackedLayer[Shape.Layers];
            for (int i = 0; i < Layers.Length; i++)
                Layers[i] = Layer($"model.layers.{i}");
            Norm = Floats("model.norm.weight");
            Head = Pack(["lm_head"], [VocabularySize], width, format);
            Embedding = isTied ? Head : Pack(["model.embed_tokens"], [VocabularySize], width, embedding);
        }
        catch
        {
            _memory.Dispose();
            throw;
        }
    }

    public LlamaShape Shape { get; }

    public WeightFormat Format { get; }

    public int VocabularySize { get; }

    public PackedLayer[] Layers { get; }

    public float[] Norm { get; }

    public PackedMatrix Head { get; }

    public PackedMatrix Embedding { get; }

    /// <summary>The bytes of weights that one step reads.</summary>
    public long BytesPerStep
    {
        get
        {
            long sum = Head.Bytes;
            foreach (PackedLayer layer in Layers)
                sum += layer.QueryKeyValue.Bytes + layer.Output.Bytes + layer.GateUp.Bytes + layer.Down.Bytes;
            return sum;
        }
    }

    /// <summary>One more owner.</summary>
    public PackedLlama Share()
    {
        Interlocked.Increment(ref _owners);
        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _owners) == 0)
            _memory.Dispose();
    }

    private PackedLayer Layer(string name)
    {
        string attention = $"{name}.self_attn", mlp = $"{name}.mlp";
        string[] inputs = [$"{attention}.q_proj", $"{attention}.k_proj", $"{attention}.v_proj"], gates = [$"{mlp}.gate_proj", $"{mlp}.up_proj"];
        int width = Shape.Width, queries = Shape.Heads * Shape.HeadDim, keys = Shape.KeyHeads * Shape.HeadDim;
        PackedMatrix queryKeyValue = Pack(inputs, [queries, keys, keys], width, Format);
        PackedMatrix output = Pack([$"{attention}.o_proj"], [width], queries, Format);
        PackedMatrix gateUp = Pack(gates, [Shape.Intermediate, Shape.Intermediate], width, Format);
        PackedMatrix down = Pack([$"{mlp}.down_proj"], [width], Shape.Intermediate, Format);
        return new PackedLayer(queryKeyValue, output, gateUp, down)
        {
            Before = Floats($"{name}.input_layernorm.weight"),
            Between = Floats($"{name}.post_attention_layernorm.weight"),
            QueryNorm = Shape.HeadNorm ? Floats($"{attention}.q_norm.weight") : null,
            KeyNorm = Shape.HeadNorm ? Floats($"{attention}.k_norm.weight") : null,
            QueryKeyValueBias = Shape.QkvBias ? Biases(inputs) : null,
            OutputBias = Shape.OutputBias ? Biases([$"{attention}.o_proj"]) : null,
            GateUpBias = Shape.MlpBias ? Biases(gates) : null,
            DownBias = Shape.MlpBias ? Biases([$"{mlp}.down_proj"]) : null,
        };
    }

    private PackedMatrix Pack(string[] names, int[] rows, int columns, WeightFormat format)
    {
        var packed = new PackedMatrix(_memory, rows.Sum(), columns, format);
        int place = 0;
        for (int i = 0; i < names.Length; i++)
        {
            Tensor tensor = _parameters[$"{names[i]}.weight"].Value;
            for (int row = 0; row < rows[i]; row += RowsAtOnce)
            {
                int count = Math.Min(RowsAtOnce, rows[i] - row);
                using DisposeScope scope = NewDisposeScope();
                ReadOnlySpan<float> values = Floats(tensor.narrow(0, row, count));
                for (int j = 0; j < count; j++)
                    packed.Pack(place++, values.Slice(j * columns, columns));
            }
        }

        return packed;
    }

    /// <summary>Whether every matrix, whatever type it is held in, is the same after rounding to bfloat16.</summary>
    private static bool HoldsOnlyBFloat16(ModelParameters parameters)
    {
        using IDisposable quiet = no_grad();
        foreach (ModelParameter parameter in parameters.All)
        {
            if (parameter.Shape.Length != 2 || parameter.IsTied || parameter.Value.dtype == ScalarType.BFloat16)
                continue;
            long rows = parameter.Shape[0];
            for (long row = 0; row < rows; row += RowsAtOnce)
            {
                using DisposeScope scope = NewDisposeScope();
                ReadOnlySpan<uint> words = MemoryMarshal.Cast<float, uint>(Floats(parameter.Value.narrow(0, row, Math.Min(RowsAtOnce, rows - row))));
                if (!FitBFloat16(words))
                    return false;
            }
        }

        return true;
    }

    private static bool FitBFloat16(ReadOnlySpan<uint> words)
    {
        Vector<uint> lost = default;
        ReadOnlySpan<Vector<uint>> vectors = MemoryMarshal.Cast<uint, Vector<uint>>(words);
        foreach (Vector<uint> vector in vectors)
            lost |= vector;
        uint rest = 0;
        foreach (uint word in words[(vectors.Length * Vector<uint>.Count)..])
            rest |= word;
        return ((rest & ~BFloat16Kernel.OddMask) == 0) && (lost & new Vector<uint>(~BFloat16Kernel.OddMask)) == Vector<uint>.Zero;
    }

    private float[] Floats(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        return Floats(_parameters[name].Value).ToArray();
    }

    private float[] Biases(string[] names) => [.. names.SelectMany(name => Floats($"{name}.bias"))];

    /// <summary>The elements as floats in the processor's memory; valid as long as the tensor and the scope.</summary>
    internal static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.detach().to(ScalarType.Float32).cpu().contiguous().bytes);
}
