using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Merganser.Bench;

/// <summary>
/// Llama-shaped bf16 checkpoints to measure on: a base with near-Gaussian weights (sd 0.02) and two models that differ from
/// it by near-Gaussian changes (sd 0.002). Weights depend only on the seed and the position. Sparse ones have the header
/// and a hole, so that sizes beyond the disk can be read; every weight is 0.
/// </summary>
internal sealed record SyntheticModel(string Size, int Hidden, int Intermediate, int Layers, int Heads, int KeyValueHeads, int Vocabulary, bool Sparse)
{
    private const int ChunkElements = 1 << 18;

    /// <summary>The sizes by name.</summary>
    public static IReadOnlyList<SyntheticModel> All { get; } =
    [
        new("tiny", 256, 704, 4, 8, 2, 4000, Sparse: false),
        new("1.1b", 2048, 5632, 22, 32, 4, 32000, Sparse: false),
        new("4gb", 2048, 5632, 42, 32, 4, 32000, Sparse: true),
        new("16gb", 4096, 14336, 32, 32, 8, 128256, Sparse: true),
    ];

    /// <summary>The number of weights.</summary>
    public long Parameters => Tensors().Sum(tensor => tensor.Shape.Aggregate(1L, (count, extent) => count * extent));

    /// <summary>Makes <c>base</c>, <c>a</c> and <c>b</c> in a folder unless they are there.</summary>
    public void Generate(string folder, ulong seed, TextWriter log)
    {
        string[] models = ["base", "a", "b"];
        if (models.All(model => File.Exists(Path.Combine(folder, model, "model.safetensors"))))
            return;
        log.WriteLine($"generating {3 * 2 * Parameters / 1e9:0.0} GB{(Sparse ? " (sparse)" : "")} in {folder}");
        byte[] header = Header();
        var files = new List<(string Partial, string Final, FileStream Stream)>();
        foreach (string model in models)
        {
            string target = Path.Combine(folder, model);
            Directory.CreateDirectory(target);
            File.WriteAllText(Path.Combine(target, "config.json"), Config());
            string final = Path.Combine(target, "model.safetensors");
            var stream = new FileStream(final + ".new", FileMode.Create, FileAccess.Write, FileShare.None, 0);
            stream.Write(header);
            stream.SetLength(header.Length + 2 * Parameters);
            files.Add((final + ".new", final, stream));
        }

        if (!Sparse)
            Fill([.. files.Select(file => file.Stream)], header.Length, seed);
        foreach ((string partial, string final, FileStream stream) in files)
        {
            stream.Dispose();
            File.Move(partial, final, overwrite: true);
        }
    }

    private void Fill(FileStream[] files, int start, ulong seed)
    {
        long chunks = (Parameters + ChunkElements - 1) / ChunkElements;
        Parallel.For(0, chunks, () => new ushort[ChunkElements], (chunk, _, buffer) =>
        {
            long first = chunk * ChunkElements;
            int count = (int)Math.Min(ChunkElements, Parameters - first);
            for (int model = 0; model < files.Length; model++)
            {
                for (int i = 0; i < count; i++)
                {
                    float value = 0.02f * Normal(seed, first + i);
                    if (model > 0)
                        value += 0.002f * Normal(seed + (ulong)model, first + i);
                    uint bits = BitConverter.SingleToUInt32Bits(value);
                    buffer[i] = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
                }

                RandomAccess.Write(files[model].SafeFileHandle, MemoryMarshal.AsBytes(buffer.AsSpan(0, count)), start + 2 * first);
            }

            return buffer;
        }, _ => { });
    }

    /// <summary>The sum of four 16-bit uniforms, scaled to variance 1: near enough to a normal for timing.</summary>
    private static float Normal(ulong seed, long index)
    {
        ulong x = (ulong)index * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        x ^= x >> 31;
        int sum = (int)((x & 0xFFFF) + ((x >> 16) & 0xFFFF) + ((x >> 32) & 0xFFFF) + (x >> 48)) - 2 * 0xFFFF;
        return sum * (1.7320508f / 65536);
    }

    private IEnumerable<(string Name, long[] Shape)> Tensors()
    {
        long keyValue = (long)Hidden / Heads * KeyValueHeads;
        yield return ("lm_head.weight", [Vocabulary, Hidden]);
        yield return ("model.embed_tokens.weight", [Vocabulary, Hidden]);
        for (int layer = 0; layer < Layers; layer++)
        {
            string prefix = $"model.layers.{layer.ToString(CultureInfo.InvariantCulture)}.";
            yield return (prefix + "input_layernorm.weight", [Hidden]);
            yield return (prefix + "mlp.down_proj.weight", [Hidden, Intermediate]);
            yield return (prefix + "mlp.gate_proj.weight", [Intermediate, Hidden]);
            yield return (prefix + "mlp.up_proj.weight", [Intermediate, Hidden]);
            yield return (prefix + "post_attention_layernorm.weight", [Hidden]);
            yield return (prefix + "self_attn.k_proj.weight", [keyValue, Hidden]);
            yield return (prefix + "self_attn.o_proj.weight", [Hidden, Hidden]);
            yield return (prefix + "self_attn.q_proj.weight", [Hidden, Hidden]);
            yield return (prefix + "self_attn.v_proj.weight", [keyValue, Hidden]);
        }

        yield return ("model.norm.weight", [Hidden]);
    }

    /// <summary>The length, the JSON and blanks up to a multiple of 8.</summary>
    private byte[] Header()
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("__metadata__");
            writer.WriteString("format", "pt");
            writer.WriteEndObject();
            long offset = 0;
            foreach ((string name, long[] shape) in Tensors())
            {
                writer.WriteStartObject(name);
                writer.WriteString("dtype", "BF16");
                writer.WriteStartArray("shape");
                long size = 2;
                foreach (long extent in shape)
                {
                    writer.WriteNumberValue(extent);
                    size *= extent;
                }

                writer.WriteEndArray();
                writer.WriteStartArray("data_offsets");
                writer.WriteNumberValue(offset);
                writer.WriteNumberValue(offset += size);
                writer.WriteEndArray();
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        while (json.Length % 8 != 0)
            json.WriteByte((byte)' ');
        return [.. BitConverter.GetBytes(json.Length), .. json.ToArray()];
    }

    private string Config() => $$"""
        {
          "architectures": ["LlamaForCausalLM"],
          "model_type": "llama",
          "hidden_size": {{Hidden}},
          "intermediate_size": {{Intermediate}},
          "num_hidden_layers": {{Layers}},
          "num_attention_heads": {{Heads}},
          "num_key_value_heads": {{KeyValueHeads}},
          "vocab_size": {{Vocabulary}},
          "max_position_embeddings": 2048,
          "rms_norm_eps": 1e-05,
          "hidden_act": "silu",
          "tie_word_embeddings": false,
          "torch_dtype": "bfloat16"
        }

        """;
}
