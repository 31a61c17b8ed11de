using System.Collections.Immutable;

namespace Merganser.Checkpoints;

/// <summary>One tensor of an architecture. Names of layer templates hold <c>${layer_index}</c>.</summary>
/// <param name="Name">The name that the merged model gives it.</param>
public sealed record WeightDefinition(string Name)
{
    /// <summary>True for matrices with a row for each token: input embeddings and output heads.</summary>
    public bool IsEmbedding { get; init; }

    /// <summary>True when models may lack it; it is written when at least one input has it under its name or an alias.</summary>
    public bool Optional { get; init; }

    /// <summary>Other names of the same tensor, tried after <see cref="Name"/>.</summary>
    public ImmutableArray<string> Aliases { get; init; } = [];

    /// <summary>Tensors that stand in for this one when weights are tied, tried last.</summary>
    public ImmutableArray<string> TiedNames { get; init; } = [];

    /// <summary>The same tensor in layer <paramref name="layer"/>.</summary>
    public WeightDefinition InLayer(int layer)
    {
        string index = layer.ToString(System.Globalization.CultureInfo.InvariantCulture);
        string Fill(string template) => template.Replace("${layer_index}", index, StringComparison.Ordinal);
        return this with { Name = Fill(Name), Aliases = [.. Aliases.Select(Fill)], TiedNames = [.. TiedNames.Select(Fill)] };
    }
}

/// <summary>A stack of layers with what comes before and after it.</summary>
/// <param name="Name">The name in recipes; <c>default</c> for models of one module.</param>
public sealed record ArchitectureModule(string Name)
{
    /// <summary>Tensors before the layers: embeddings.</summary>
    public ImmutableArray<WeightDefinition> Pre { get; init; } = [];

    /// <summary>Tensors of one layer; names hold <c>${layer_index}</c>.</summary>
    public ImmutableArray<WeightDefinition> Layer { get; init; } = [];

    /// <summary>Tensors after the layers: final norms and heads.</summary>
    public ImmutableArray<WeightDefinition> Post { get; init; } = [];

    /// <summary>The key of the number of layers in config.json; dots walk into nested objects. Empty when it has no such number.</summary>
    public string LayerCountKey { get; init; } = "num_hidden_layers";
}

/// <summary>The tensors of a family of models, by role.</summary>
/// <param name="Name">The name in <c>config.architectures</c>.</param>
public sealed record Architecture(string Name)
{
    /// <summary>The modules; exactly one for most models.</summary>
    public required ImmutableArray<ArchitectureModule> Modules { get; init; }

    /// <summary>The key of the vocabulary's size in config.json.</summary>
    public string VocabularySizeKey { get; init; } = "vocab_size";

    /// <summary>Files beside the weights that this architecture needs.</summary>
    public ImmutableArray<string> ExtraFiles { get; init; } = [];
}
