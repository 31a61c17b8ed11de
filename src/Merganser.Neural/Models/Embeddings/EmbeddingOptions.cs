namespace Merganser.Neural.Models.Embeddings;

/// <summary>How vectors are made; what is left out is as the model's folder says.</summary>
public sealed record EmbeddingOptions
{
    /// <summary>How tokens become one vector.</summary>
    public Pooling? Pooling { get; init; }

    /// <summary>Vectors of length 1.</summary>
    public bool? Normalize { get; init; }

    /// <summary>Stands before every text; null: the folder's default prompt, if it has one. Not for pictures.</summary>
    public string? Prompt { get; init; }

    /// <summary>The name of one of the folder's prompts, in place of <see cref="Prompt"/>.</summary>
    public string? PromptName { get; init; }

    /// <summary>Longer texts are cut; at most what the model takes. Not for pictures.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>Only so many leading values of a vector are kept (for models that were trained for it, arXiv 2205.13147), before it is given length 1.</summary>
    public int? Dimensions { get; init; }

    /// <summary>Items that go through the model together.</summary>
    public int Batch { get; init; } = 32;
}
