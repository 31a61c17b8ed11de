using System.Collections.Immutable;
using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>A model with its options, and with its layers when it stands in a slice.</summary>
/// <param name="Model">The model.</param>
/// <param name="Position">Where it is written.</param>
public sealed record RecipeSource(ModelReference Model, RecipePosition Position)
{
    /// <summary>The layers <c>[First, End)</c>; null for all of them.</summary>
    public (int First, int End)? Layers { get; init; }

    /// <summary>The options of this model.</summary>
    public ImmutableArray<RecipeParameter> Parameters { get; init; } = [];
}

/// <summary>A run of output layers and the layers of the models that make it.</summary>
/// <param name="Sources">The models with their layers.</param>
/// <param name="Position">Where it is written.</param>
public sealed record RecipeSlice(ImmutableArray<RecipeSource> Sources, RecipePosition Position)
{
    /// <summary>The base of this slice; null for the document's.</summary>
    public ModelReference? BaseModel { get; init; }

    /// <summary>The options of this slice.</summary>
    public ImmutableArray<RecipeParameter> Parameters { get; init; } = [];
}

/// <summary>What makes one module of a model of several modules.</summary>
/// <param name="Name">The module's name in the architecture.</param>
/// <param name="Position">Where it is written.</param>
public sealed record RecipeModule(string Name, RecipePosition Position)
{
    /// <summary>Whole models; empty when there are slices.</summary>
    public ImmutableArray<RecipeSource> Models { get; init; } = [];

    /// <summary>Slices; empty when there are whole models.</summary>
    public ImmutableArray<RecipeSlice> Slices { get; init; } = [];

    /// <summary>The options of this module.</summary>
    public ImmutableArray<RecipeParameter> Parameters { get; init; } = [];
}

/// <summary>One document of a recipe file, checked but not yet looked up on disk. Exactly one of models, slices and modules is not empty.</summary>
public sealed record MergeRecipe
{
    /// <summary>The file as the user named it.</summary>
    public required string File { get; init; }

    /// <summary>The document as it was written, comments included.</summary>
    public required string Text { get; init; }

    /// <summary>Where the document begins.</summary>
    public required RecipePosition Position { get; init; }

    /// <summary>The name by which other documents use the result; null for the document that makes the output.</summary>
    public string? Name { get; init; }

    /// <summary>The method.</summary>
    public required MergeMethod Method { get; init; }

    /// <summary>Whole models.</summary>
    public ImmutableArray<RecipeSource> Models { get; init; } = [];

    /// <summary>Slices, in the order of the output's layers.</summary>
    public ImmutableArray<RecipeSlice> Slices { get; init; } = [];

    /// <summary>Modules.</summary>
    public ImmutableArray<RecipeModule> Modules { get; init; } = [];

    /// <summary>The base; null when there is none.</summary>
    public ModelReference? BaseModel { get; init; }

    /// <summary>Where the base is written.</summary>
    public RecipePosition BaseModelPosition { get; init; }

    /// <summary>The type to compute in; null for the stored one.</summary>
    public DType? DType { get; init; }

    /// <summary>The type to store; null for <see cref="DType"/>.</summary>
    public DType? OutDType { get; init; }

    /// <summary>The key that asks for another tokenizer, <c>tokenizer_source</c> or <c>tokenizer</c>; null when tokenizer files are only copied.</summary>
    public string? TokenizerKey { get; init; }

    /// <summary>Where that key is written.</summary>
    public RecipePosition TokenizerPosition { get; init; }

    /// <summary>What that key asks for; null when tokenizer files are only copied.</summary>
    public TokenizerRule? Tokenizer { get; init; }

    /// <summary><c>auto</c>, the name of a built-in template, or the template; null to keep what is there.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Where the template is written.</summary>
    public RecipePosition ChatTemplatePosition { get; init; }

    /// <summary>The options of the document.</summary>
    public ImmutableArray<RecipeParameter> Parameters { get; init; } = [];

    /// <summary>What is odd but no error, one line each.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];

    /// <summary>Every source of every slice and module, in the order of the document.</summary>
    public IEnumerable<RecipeSource> AllSources =>
        Models.Concat(Slices.SelectMany(slice => slice.Sources))
            .Concat(Modules.SelectMany(module => module.Models.Concat(module.Slices.SelectMany(slice => slice.Sources))));

    /// <summary>Every model that the document names, adapters apart.</summary>
    internal IEnumerable<ModelReference> AllModels =>
        AllSources.Select(source => source.Model)
            .Concat(Slices.Concat(Modules.SelectMany(module => module.Slices)).Select(slice => slice.BaseModel).Append(BaseModel).OfType<ModelReference>())
            .Concat(Tokenizer?.Models ?? []);

    /// <summary>The document with every model replaced.</summary>
    internal MergeRecipe Map(Func<ModelReference, ModelReference> replace)
    {
        RecipeSource Source(RecipeSource source) => source with { Model = replace(source.Model) };
        RecipeSlice Slice(RecipeSlice slice) => slice with
        {
            Sources = [.. slice.Sources.Select(Source)],
            BaseModel = slice.BaseModel is null ? null : replace(slice.BaseModel),
        };
        return this with
        {
            Models = [.. Models.Select(Source)],
            Slices = [.. Slices.Select(Slice)],
            Modules = [.. Modules.Select(module => module with { Models = [.. module.Models.Select(Source)], Slices = [.. module.Slices.Select(Slice)] })],
            BaseModel = BaseModel is null ? null : replace(BaseModel),
            Tokenizer = Tokenizer?.Map(replace),
        };
    }
}
