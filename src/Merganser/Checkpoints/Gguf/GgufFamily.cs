using System.Collections.Frozen;
using Merganser.Checkpoints.Architectures;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Gguf;

/// <summary>How a family of models is written as GGUF: its name there, the names of its tensors, and what changes in their numbers.</summary>
/// <param name="Name">The value of <c>general.architecture</c>.</param>
/// <param name="InterleavesHeads">llama.cpp's "llama" rotates neighbouring rows where Hugging Face rotates halves, so that rows of query and key trade places.</param>
/// <param name="NormOffset">What is added to norm weights: Gemma stores them less one.</param>
/// <param name="HasSandwichNorms">Norms behind attention and behind the MLP as well as before them.</param>
internal sealed record GgufFamily(string Name, bool InterleavesHeads, float NormOffset, bool HasSandwichNorms)
{
    private static readonly FrozenDictionary<string, GgufFamily> ByModelType = new Dictionary<string, GgufFamily>
    {
        ["llama"] = new("llama", true, 0, false),
        ["mistral"] = new("llama", true, 0, false),
        ["mixtral"] = new("llama", true, 0, false),
        ["qwen2"] = new("qwen2", false, 0, false),
        ["qwen3"] = new("qwen3", false, 0, false),
        ["gemma"] = new("gemma", false, 1, false),
        ["gemma2"] = new("gemma2", false, 1, true),
        ["gemma3_text"] = new("gemma3", false, 1, true),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, string> LayerNames = new Dictionary<string, string>
    {
        ["input_layernorm"] = "attn_norm",
        ["self_attn.q_proj"] = "attn_q",
        ["self_attn.k_proj"] = "attn_k",
        ["self_attn.v_proj"] = "attn_v",
        ["self_attn.o_proj"] = "attn_output",
        ["self_attn.q_norm"] = "attn_q_norm",
        ["self_attn.k_norm"] = "attn_k_norm",
        ["mlp.gate_proj"] = "ffn_gate",
        ["mlp.up_proj"] = "ffn_up",
        ["mlp.down_proj"] = "ffn_down",
        ["block_sparse_moe.gate"] = "ffn_gate_inp",
        ["mlp.gate"] = "ffn_gate_inp",
        ["pre_feedforward_layernorm"] = "ffn_norm",
        ["post_feedforward_layernorm"] = "post_ffw_norm",
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The family of a model.</summary>
    /// <exception cref="MerganserException">There is no GGUF mapping for its type.</exception>
    public static GgufFamily Of(ModelFolder model) =>
        model.ModelType is { } type && ByModelType.TryGetValue(type, out GgufFamily? family)
            ? family
            : throw new MerganserException($"{model.Path}: model type {Quoted.Name(model.ModelType ?? "(none)")} cannot be written as GGUF; the types that can are {string.Join(", ", ByModelType.Keys.Order(StringComparer.Ordinal))}");

    /// <summary>The name in GGUF; null for tensors that llama.cpp computes itself.</summary>
    /// <exception cref="MerganserException">There is no such tensor in the family.</exception>
    public string? Map(string name, ModelFolder model)
    {
        string bare = name.StartsWith("model.", StringComparison.Ordinal) ? name["model.".Length..] : name;
        if (bare.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal))
            return null;
        switch (bare)
        {
            case "embed_tokens.weight":
                return "token_embd.weight";
            case "norm.weight":
                return "output_norm.weight";
            case "lm_head.weight":
                return "output.weight";
            default:
                break;
        }

        if (LayerName.TryParse(bare, out LayerName parsed) && parsed.Prefix == "layers")
        {
            int dot = parsed.Rest.LastIndexOf('.');
            string part = dot < 0 ? "" : parsed.Rest[..dot];
            string? mapped = part == "post_attention_layernorm" ? HasSandwichNorms ? "post_attention_norm" : "ffn_norm" : LayerNames.GetValueOrDefault(part);
            if (mapped is not null && (mapped != "ffn_gate_inp" || GgufExperts.Has(model)) && !(parsed.Rest.EndsWith(".bias", StringComparison.Ordinal) && !TakesBias(mapped)))
                return $"blk.{parsed.Layer}.{mapped}{parsed.Rest[dot..]}";
        }

        // llama.cpp refuses a file with a tensor that its model does not load, so that it is better refused here.
        throw new MerganserException($"{model.Path}: tensor {Quoted.Name(name)} has no counterpart in GGUF's '{Name}' models; export works for plain {Name} checkpoints only");
    }

    private bool TakesBias(string mapped) => Name == "llama" || (Name == "qwen2" && mapped is ("attn_q" or "attn_k" or "attn_v"));
}
