using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Neural.Models;

namespace Merganser.Neural.Bench;

/// <summary>The sizes of a Llama model with an untied head, and how much of it is run.</summary>
internal sealed record ModelShape(string Name, int Width, int Intermediate, int Layers, int Heads, int KeyHeads, int Vocabulary)
{
    public static readonly ModelShape[] All =
    [
        new("15m", 320, 896, 8, 5, 5, 8192) { Prompt = 512, New = 128, Repeats = 5 },
        new("125m", 768, 2048, 12, 12, 12, 32000) { Prompt = 512, New = 48, Repeats = 3 },
        new("1.1b", 2048, 5632, 22, 32, 4, 32000) { Prompt = 128, New = 16, Repeats = 2 },
    ];

    public required int Prompt { get; init; }

    public required int New { get; init; }

    public required int Repeats { get; init; }

    /// <summary>The weights that multiply every token of a prompt: all but the embedding and the head, which only the last token needs.</summary>
    public long BlockWeights => (long)Layers * Width * ((2L * Width) + (2L * Width / Heads * KeyHeads) + (3L * Intermediate));

    /// <summary>The weights that a step reads.</summary>
    public long StepWeights => BlockWeights + ((long)Width * Vocabulary);

    public ModelConfig Config => new(
        JsonNode.Parse(string.Create(CultureInfo.InvariantCulture, $$"""
            { "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": {{Width}}, "intermediate_size": {{Intermediate}}, "num_hidden_layers": {{Layers}},
              "num_attention_heads": {{Heads}}, "num_key_value_heads": {{KeyHeads}}, "vocab_size": {{Vocabulary}}, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false, "initializer_range": 0.02, "torch_dtype": "bfloat16" }
            """))!.AsObject(),
        $"{Name}/config.json");

    public static ModelShape Find(string name) =>
        Array.Find(All, shape => shape.Name == name) ?? throw new MerganserException($"there is no shape '{name}'; there are {string.Join(", ", All.Select(shape => shape.Name))}");

    /// <summary>The folder of the model, and the files for llama.cpp beside it.</summary>
    public string Folder(string work) => Path.Combine(work, Name);

    public string Gguf(string work, string format) => Path.Combine(work, $"{Name}-{format}.gguf");
}
