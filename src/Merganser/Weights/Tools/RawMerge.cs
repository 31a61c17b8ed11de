using System.Collections.Immutable;
using Merganser.Checkpoints;
using Merganser.Weights.Recipes;

namespace Merganser.Weights.Tools;

/// <summary>Which tensors a merge of raw files takes.</summary>
public enum RawTensorSet
{
    /// <summary>All; every model must have the same.</summary>
    Equal,

    /// <summary>Those that all models have.</summary>
    Intersection,

    /// <summary>Those that any model has; each is merged from the models that have it.</summary>
    Union,
}

/// <summary>
/// Merges files of tensors that are no models: adapters, diffusion parts, optimiser states (mergekit's <c>mergekit-pytorch</c>). The recipe is an ordinary
/// one with <c>models</c> that are files; there is no architecture, so no slices, no tokenizer and no configuration.
/// </summary>
/// <remarks>Options are resolved as in other recipes, filters included; gradients are read at their first value. A weight of 0 counts.</remarks>
public static class RawMerge
{
    /// <summary>Plans the merge.</summary>
    /// <exception cref="MerganserException">The recipe needs an architecture, a file cannot be read, or the files' tensors differ.</exception>
    public static MergePlan Plan(MergeRecipe recipe, RawTensorSet set = RawTensorSet.Equal, PlanOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        options ??= new PlanOptions();
        if (recipe.Models.IsEmpty)
            throw recipe.Position.Error("raw files have no layers: list them under 'models'");
        if (recipe.TokenizerKey is { } key)
            throw recipe.TokenizerPosition.Error($"raw files have no tokenizer: remove '{key}'");
        var models = new ModelSet(recipe, options);
        try
        {
            return Plan(recipe, set, options, models);
        }
        catch
        {
            models.Dispose();
            throw;
        }
    }

    private static MergePlan Plan(MergeRecipe recipe, RawTensorSet set, PlanOptions options, ModelSet models)
    {
        PlannedSlice slice = Slice(recipe, models);
        OpenModel[] inputs = [.. slice.Sources.Select(source => source.Model), .. slice.Base is { } apart ? [apart] : Array.Empty<OpenModel>()];
        var warnings = new List<string>();
        var planner = new TensorPlanner(recipe, options, null, warnings.Add);
        var jobs = new List<TensorJob>();
        foreach (string name in Names(inputs, set, recipe))
        {
            if (planner.Plan(new WeightDefinition(name) { Optional = set == RawTensorSet.Union }, slice, -1, -1, 0) is { } job)
                jobs.Add(job);
        }

        planner.ThrowIfMissing();
        return new MergePlan
        {
            Jobs = jobs,
            WrittenFiles = new Dictionary<string, string> { ["mergekit_config.yml"] = recipe.Text.EndsWith('\n') ? recipe.Text : recipe.Text + "\n" },
            Warnings = [.. warnings.Distinct(StringComparer.Ordinal)],
            Fingerprint = $"raw {set} {PlanFingerprint.Of(recipe, options, models)}",
            Inputs = models.Owned,
        };
    }

    /// <summary>All files as one slice; a base that is not listed comes last, one that the method keeps apart is taken out.</summary>
    private static PlannedSlice Slice(MergeRecipe recipe, ModelSet models)
    {
        ImmutableArray<RecipeSource> sources = recipe.Models;
        if (recipe.BaseModel is { } reference && !sources.Any(source => source.Model == reference))
            sources = sources.Add(new RecipeSource(reference, recipe.BaseModelPosition));
        bool isApart = recipe.Method.Base != BaseRole.Ordinary && recipe.BaseModel is not null;
        if (recipe.Method.Base == BaseRole.Required && recipe.BaseModel is null)
            throw recipe.Position.Error($"{recipe.Method.Name} needs a base_model");
        var inputs = new List<(OpenModel Model, int First)>();
        OpenModel? apart = null;
        foreach (RecipeSource source in sources)
        {
            OpenModel model = models.Open(source.Model, source.Position);
            if (isApart && source.Model == recipe.BaseModel)
                apart = model;
            else if (inputs.Exists(input => input.Model == model))
                throw source.Position.Error($"{source.Model} is listed twice");
            else
                inputs.Add((model, 0));
        }

        if (inputs.Count < recipe.Method.MinModels || inputs.Count > recipe.Method.MaxModels)
            throw recipe.Position.Error($"{recipe.Method.Name} cannot merge {inputs.Count} model(s)");
        return new PlannedSlice(new RecipeSlice(sources, recipe.Position), null, [.. inputs], apart, 0, "the recipe");
    }

    private static string[] Names(OpenModel[] models, RawTensorSet set, MergeRecipe recipe)
    {
        string[] any = [.. models.SelectMany(model => model.Tensors.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        string[] all = [.. any.Where(name => Array.TrueForAll(models, model => model.Tensors.ContainsKey(name)))];
        if (set == RawTensorSet.Union)
            return any;
        if (set == RawTensorSet.Equal && all.Length != any.Length)
        {
            string name = any.First(candidate => !all.Contains(candidate));
            OpenModel lacking = models.First(model => !model.Tensors.ContainsKey(name));
            throw recipe.Position.Error($"{any.Length - all.Length} tensor(s) are not in all files, for example '{name}', which {lacking.Label} lacks; give --tensor-intersection or --tensor-union");
        }

        return all.Length > 0 ? all : throw recipe.Position.Error("the files have no tensor in common; give --tensor-union to merge them all the same");
    }
}
