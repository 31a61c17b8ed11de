using System.Collections.Immutable;

namespace Merganser.Checkpoints.Architectures;

/// <summary>Tells from a name alone what a tensor outside the layers is for; used where the tables are silent.</summary>
internal static class WeightRoles
{
    private static readonly string[] EmbeddingEndings =
        ["embed_tokens.weight", "wte.weight", "word_embeddings.weight", "lm_head.weight", "shared.weight", "embed_out.weight", "embed_in.weight", "tok_embeddings.weight"];

    private static readonly string[] Heads =
        ["lm_head", "embed_out", "score", "classifier", "cls", "pooler", "qa_outputs", "head", "proj_out", "logit_scale", "vocab_projector"];

    private static readonly string[] FinalNorms =
        ["norm", "ln_f", "final_layernorm", "final_layer_norm", "layernorm", "layer_norm", "final_norm", "post_layernorm", "ln_post"];

    /// <summary>True for output heads and final norms, which belong behind the layers; never for what lies under <c>embeddings</c>.</summary>
    public static bool ComesAfterLayers(string name)
    {
        string[] parts = name.Split('.');
        if (parts.Contains("embeddings"))
            return false;
        if (parts.Any(part => Heads.Contains(part) || part.EndsWith("_classifier", StringComparison.Ordinal)))
            return true;
        return parts.Length >= 2 && FinalNorms.Contains(parts[^2]);
    }

    /// <summary>True for matrices with a row for each token.</summary>
    public static bool IsEmbedding(string name, ImmutableArray<long> shape, int? vocabularySize)
    {
        if (shape.Length != 2)
            return false;
        if (EmbeddingEndings.Any(ending => EndsWithPart(name, ending)))
            return true;
        if (vocabularySize != shape[0] || !name.EndsWith(".weight", StringComparison.Ordinal))
            return false;
        string[] parts = name.Split('.');
        string owner = parts[^2];

        // The row count alone may agree by chance (a vocabulary as long as the context), so the name must speak for it too.
        return !owner.Contains("position", StringComparison.Ordinal)
            && (owner.Contains("emb", StringComparison.Ordinal) || owner.Contains("head", StringComparison.Ordinal)
                || owner is "decoder" or "output" or "vocab_projector" or "proj_out");
    }

    /// <summary>True for output heads that models with tied embeddings lack.</summary>
    public static bool IsOutputHead(string name) => EndsWithPart(name, "lm_head.weight") || EndsWithPart(name, "embed_out.weight");

    /// <summary>True for matrices of input embeddings.</summary>
    public static bool IsInputEmbedding(string name) => !IsOutputHead(name) && EmbeddingEndings.Any(ending => EndsWithPart(name, ending));

    private static bool EndsWithPart(string name, string ending) =>
        name.EndsWith(ending, StringComparison.Ordinal) && (name.Length == ending.Length || name[^(ending.Length + 1)] == '.');
}
