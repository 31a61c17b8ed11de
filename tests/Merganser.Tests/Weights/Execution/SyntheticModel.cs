using System.Collections.Immutable;
using Merganser.Checkpoints;

namespace Merganser.Tests.Weights.Execution;

/// <summary>Small Llama-shaped folders of seeded random numbers.</summary>
internal static class SyntheticModel
{
    public const int Hidden = 64;

    /// <summary>Writes a folder with config.json and model.safetensors; equal seeds give equal bytes.</summary>
    public static string Write(string folder, int seed, int layers = 4, DType type = DType.F32, Action<string, float[]>? edit = null)
    {
        Directory.CreateDirectory(folder);
        var random = new Random(seed);
        var tensors = new List<(TensorInfo, byte[])>();
        foreach ((string name, ImmutableArray<long> shape) in Shapes(layers))
        {
            float[] values = new float[shape.Aggregate(1L, (count, extent) => count * extent)];
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)((random.NextDouble() - 0.5) * 0.1);
            edit?.Invoke(name, values);
            byte[] bytes = new byte[values.Length * type.Size()];
            TensorCast.FromSingle(values, type, bytes);
            tensors.Add((new TensorInfo(name, type, shape), bytes));
        }

        SafetensorsFile.Write(Path.Combine(folder, "model.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        File.WriteAllText(
            Path.Combine(folder, "config.json"),
            $$"""{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": {{layers}}, "vocab_size": 256, "torch_dtype": "{{type.TorchName()}}"}""");
        return folder;
    }

    private static IEnumerable<(string Name, ImmutableArray<long> Shape)> Shapes(int layers)
    {
        yield return ("model.embed_tokens.weight", [256, Hidden]);
        for (int layer = 0; layer < layers; layer++)
        {
            yield return ($"model.layers.{layer}.input_layernorm.weight", [Hidden]);
            yield return ($"model.layers.{layer}.self_attn.q_proj.weight", [Hidden, Hidden]);
            yield return ($"model.layers.{layer}.mlp.down_proj.weight", [Hidden, 3 * Hidden]);
        }

        yield return ("model.norm.weight", [Hidden]);
        yield return ("lm_head.weight", [256, Hidden]);
    }
}
