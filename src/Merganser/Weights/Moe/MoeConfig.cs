using System.Collections.Immutable;
using Merganser.Checkpoints;
using Merganser.Weights.Recipes;

namespace Merganser.Weights.Moe;

/// <summary>How the routers of a mixture are made.</summary>
public enum MoeGateMode
{
    /// <summary>From hidden states of the base for the prompts, at the last token.</summary>
    Hidden,

    /// <summary>From hidden states, averaged over the tokens.</summary>
    HiddenAverage,

    /// <summary>The same as <see cref="Hidden"/>.</summary>
    HiddenLast,

    /// <summary>From the embeddings of the prompts' tokens, equal in all layers.</summary>
    CheapEmbed,

    /// <summary>Standard normal numbers.</summary>
    Random,

    /// <summary>Uniform numbers in ±1/√H.</summary>
    UniformRandom,
}

/// <summary>How the experts' matrices are stored.</summary>
public enum MoeLayout
{
    /// <summary>Three matrices for each expert: what all loaders read.</summary>
    Split,

    /// <summary>One tensor for all experts of a layer, as recent versions of transformers write.</summary>
    Fused,
}

/// <summary>A prompt of an expert: text, or the ids of its tokens as they go into the model.</summary>
/// <param name="Text">The text; null when ids are given.</param>
/// <param name="Tokens">The ids, the beginning-of-text token included.</param>
/// <param name="Position">Where it is written.</param>
public sealed record MoePrompt(string? Text, ImmutableArray<int> Tokens, RecipePosition Position);

/// <summary>An expert of a mixture.</summary>
/// <param name="Model">The model whose feed-forward layers it gives.</param>
/// <param name="Position">Where it is written.</param>
public sealed record MoeExpert(ModelReference Model, RecipePosition Position)
{
    /// <summary>What it is for.</summary>
    public ImmutableArray<MoePrompt> PositivePrompts { get; init; } = [];

    /// <summary>What it is not for.</summary>
    public ImmutableArray<MoePrompt> NegativePrompts { get; init; } = [];

    /// <summary>The standard deviation of normal noise that is added to its matrices; 0 for none.</summary>
    public double NoiseScale { get; init; }

    /// <summary>The factor of its down projection.</summary>
    public double ResidualScale { get; init; } = 1;
}

/// <summary>A recipe for a mixture of experts (mergekit's <c>moe</c>).</summary>
public sealed record MoeConfig
{
    /// <summary>The file, for messages.</summary>
    public required string File { get; init; }

    /// <summary>The text as it was read.</summary>
    public required string Text { get; init; }

    /// <summary>The model that gives everything but the experts.</summary>
    public required ModelReference BaseModel { get; init; }

    /// <summary>Where the base is written.</summary>
    public required RecipePosition BaseModelPosition { get; init; }

    /// <summary>The experts that a router chooses from; at least one.</summary>
    public required ImmutableArray<MoeExpert> Experts { get; init; }

    /// <summary>The experts that always take part.</summary>
    public ImmutableArray<MoeExpert> SharedExperts { get; init; } = [];

    /// <summary>How the routers are made.</summary>
    public MoeGateMode GateMode { get; init; } = MoeGateMode.Hidden;

    /// <summary>Where the mode is written; the start of the document when it is not.</summary>
    public required RecipePosition GateModePosition { get; init; }

    /// <summary>The type of the result; null to leave every tensor as it is stored.</summary>
    public DType? DType { get; init; }

    /// <summary>How many experts a token goes to; null for the architecture's default.</summary>
    public int? ExpertsPerToken { get; init; }

    /// <summary>The architecture, or the beginning of its name; null to choose.</summary>
    public string? Architecture { get; init; }

    /// <summary>Where the architecture is written.</summary>
    public RecipePosition ArchitecturePosition { get; init; }

    /// <summary>True when routers come from hidden states of the base.</summary>
    public bool HasHiddenGates => GateMode is MoeGateMode.Hidden or MoeGateMode.HiddenAverage or MoeGateMode.HiddenLast;

    /// <summary>True when routers do not depend on prompts.</summary>
    public bool HasRandomGates => GateMode is MoeGateMode.Random or MoeGateMode.UniformRandom;
}
