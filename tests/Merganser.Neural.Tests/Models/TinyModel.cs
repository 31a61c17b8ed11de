using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Models;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>Random models of a few thousand parameters, one for each family of decoders, and their folders with something changed.</summary>
internal static class TinyModel
{
    public const int Vocabulary = 31;

    public static TheoryData<string> Families => ["llama", "gpt2", "gpt_neox"];

    public static JsonObject Config(string family) => JsonNode.Parse(family switch
    {
        "llama" => """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 31, "hidden_size": 16, "intermediate_size": 24,
             "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32,
             "rope_theta": 10000.0, "rms_norm_eps": 1e-05, "tie_word_embeddings": false, "initializer_range": 0.3, "torch_dtype": "float32"}
            """,
        "gpt2" => """
            {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": 31, "n_embd": 16, "n_layer": 2, "n_head": 4,
             "n_positions": 32, "initializer_range": 0.3, "dtype": "float32"}
            """,
        "gpt_neox" => """
            {"architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "vocab_size": 31, "hidden_size": 16, "intermediate_size": 24,
             "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 32, "rotary_pct": 0.5,
             "initializer_range": 0.3, "dtype": "float32"}
            """,
        _ => throw new ArgumentException(family),
    })!.AsObject();

    public static CausalLm New(string family, ModelOptions? options = null, params ReadOnlySpan<(string Key, JsonNode? Value)> changes)
    {
        JsonObject config = Config(family);
        foreach ((string key, JsonNode? value) in changes)
            config[key] = value;
        return (CausalLm)PretrainedModel.CreateNew(new ModelConfig(config, "config.json"), 7, options);
    }

    public static Tensor Ids(long rows, long tokens, ulong seed = 3, long vocabulary = Vocabulary)
    {
        using var generator = new Generator(seed, CPU);
        return randint(0, vocabulary, [rows, tokens], ScalarType.Int64, generator: generator);
    }

    public static void EditConfig(string folder, Action<JsonObject> change)
    {
        string path = Path.Join(folder, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(config);
        File.WriteAllText(path, config.ToJsonString());
    }

    public static void EditWeights(string folder, Action<Dictionary<string, (TensorInfo Info, byte[] Bytes)>> change)
    {
        Dictionary<string, (TensorInfo Info, byte[] Bytes)> tensors = Read(folder);
        change(tensors);
        SafetensorsFile.Write(Path.Join(folder, "model.safetensors"), tensors.Values);
    }

    public static Dictionary<string, (TensorInfo Info, byte[] Bytes)> Read(string folder)
    {
        using Checkpoint file = CheckpointReader.Open(folder);
        return file.Tensors.Values.ToDictionary(source => source.Info.Name, source =>
        {
            byte[] bytes = new byte[source.Info.ByteCount];
            source.Read(0, bytes);
            return (source.Info, bytes);
        });
    }

    public static void Rename(Dictionary<string, (TensorInfo Info, byte[] Bytes)> tensors, string from, string to)
    {
        tensors.Remove(from, out (TensorInfo Info, byte[] Bytes) tensor);
        tensors.Add(to, (tensor.Info with { Name = to }, tensor.Bytes));
    }

    public static void Add(Dictionary<string, (TensorInfo Info, byte[] Bytes)> tensors, string name, DType type, params ReadOnlySpan<long> shape)
    {
        var info = new TensorInfo(name, type, [.. shape]);
        tensors.Add(name, (info, new byte[info.ByteCount]));
    }
}
