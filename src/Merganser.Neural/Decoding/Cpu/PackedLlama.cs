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

/// <summary>A copy of a Llama-family model for one-token steps: matrices that multiply the same vector joined, all in one block of packed memory.</summary>
internal sealed class PackedLlama : IDisposable
{
    private const int RowsAtOnce = 256;

    private readonly ModelParameters _parameters;
    private readonly PackedWeights _memory;

    public PackedLlama(LlamaModel model, WeightFormat format)
    {
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
            Norm = Vector("model.norm.weight");
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

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

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
            Before = Vector($"{name}.input_layernorm.weight"),
            Between = Vector($"{name}.post_attention_layernorm.weight"),
            QueryNorm = Shape.HeadNorm ? Vector($"{attention}.q_norm.weight") : null,
            KeyNorm = Shape.HeadNorm ? Vector($"{attention}.k_norm.weight") : null,
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

    private float[] Vector(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        return Floats(_parameters[name].Value).ToArray();
    }

    private float[] Biases(string[] names) => [.. names.SelectMany(name => Vector($"{name}.bias"))];

    /// <summary>The elements as floats in the processor's memory; valid as long as the tensor and the scope.</summary>
    internal static Span<float> Floats(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.detach().to(ScalarType.Float32).cpu().contiguous().bytes);
}
