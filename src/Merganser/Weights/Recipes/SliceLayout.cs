using System.Collections.Immutable;
using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>A slice with its models open.</summary>
/// <param name="Slice">The slice; made up for recipes of whole models.</param>
/// <param name="Module">The module of the recipe that it belongs to; null for recipes without modules.</param>
/// <param name="Sources">The models and their first layers, in the order of the recipe, none twice.</param>
/// <param name="Base">The base that is kept apart; null when the method has none.</param>
/// <param name="Length">The number of layers.</param>
/// <param name="Name">The slice for messages.</param>
internal sealed record PlannedSlice(
    RecipeSlice Slice, RecipeModule? Module, ImmutableArray<(OpenModel Model, int First)> Sources, OpenModel? Base, int Length, string Name);

/// <summary>A module of the output: its slices in order.</summary>
internal sealed record PlannedModule(ArchitectureModule Module, ImmutableArray<PlannedSlice> Slices)
{
    public int LayerCount => Slices.Sum(slice => slice.Length);
}

/// <summary>Turns models, slices or modules of a recipe into slices of the architecture's modules, and checks who takes part.</summary>
internal sealed class SliceLayout(MergeRecipe recipe, PlanOptions options, ModelSet models)
{
    private readonly Dictionary<(OpenModel Model, ArchitectureModule Module), int> _layerCounts = [];

    public ImmutableArray<PlannedModule> Build(Architecture architecture)
    {
        foreach (RecipeModule module in recipe.Modules)
        {
            string[] names = [.. architecture.Modules.Select(known => known.Name)];
            if (!names.Contains(module.Name))
                throw module.Position.Error($"{architecture.Name} has no module {NearestName.Quote(module.Name)}{NearestName.Hint(module.Name, names)}");
        }

        if (!recipe.Slices.IsEmpty && architecture.Modules.Length != 1)
        {
            string names = string.Join(", ", architecture.Modules.Select(module => module.Name));
            throw recipe.Slices[0].Position.Error($"{architecture.Name} has the modules {names}; give each its slices under 'modules'");
        }

        return [.. architecture.Modules.Select(Module)];
    }

    private PlannedModule Module(ArchitectureModule module)
    {
        if (recipe.Modules.IsEmpty)
            return new PlannedModule(module, recipe.Slices.IsEmpty ? [Whole(module, recipe.Models, null, recipe.Position)] : Slices(module, recipe.Slices, null));
        RecipeModule given = recipe.Modules.FirstOrDefault(candidate => candidate.Name == module.Name)
            ?? throw recipe.Modules[0].Position.Error($"the module '{module.Name}' is missing under 'modules'; the merged model would lack its tensors");
        return new PlannedModule(module, given.Slices.IsEmpty ? [Whole(module, given.Models, given, given.Position)] : Slices(module, given.Slices, given));
    }

    /// <summary>Whole models are one slice; a base that is not listed comes last and has no options.</summary>
    private PlannedSlice Whole(ArchitectureModule module, ImmutableArray<RecipeSource> listed, RecipeModule? owner, RecipePosition at)
    {
        ImmutableArray<RecipeSource> sources = listed;
        if (recipe.BaseModel is { } baseModel && !listed.Any(source => source.Model == baseModel))
            sources = listed.Add(new RecipeSource(baseModel, recipe.BaseModelPosition));
        ImmutableArray<RecipeSource>.Builder counted = ImmutableArray.CreateBuilder<RecipeSource>();
        int layers = LayerCount(models.Open(sources[0].Model, sources[0].Position), module);
        foreach (RecipeSource source in sources)
        {
            int count = LayerCount(models.Open(source.Model, source.Position), module);
            if (count != layers)
                throw source.Position.Error($"{source.Model} has {count} layers, {sources[0].Model} has {layers}; choose layers by 'slices'");
            counted.Add(source with { Layers = (0, count) });
        }

        return Slice(module, new RecipeSlice(counted.ToImmutable(), at), owner, "the recipe");
    }

    private ImmutableArray<PlannedSlice> Slices(ArchitectureModule module, ImmutableArray<RecipeSlice> slices, RecipeModule? owner) =>
        [.. slices.Select((slice, index) => Slice(module, slice, owner, $"slice {index + 1}"))];

    private PlannedSlice Slice(ArchitectureModule module, RecipeSlice slice, RecipeModule? owner, string name)
    {
        MergeMethod method = recipe.Method;
        List<(OpenModel Model, int First)> sources = [];
        foreach (RecipeSource source in slice.Sources)
        {
            OpenModel model = models.Open(source.Model, source.Position);
            (int first, int end) = source.Layers!.Value;
            int count = LayerCount(model, module);
            if (end > count)
                throw source.Position.Error($"'layer_range' [{first}, {end}] goes beyond the {count} layers of {model.Label}");
            int known = sources.FindIndex(other => other.Model.Reference == source.Model);
            if (known < 0)
                sources.Add((model, first));
            else if (options.StrictMergekit)
                sources[known] = (model, first);
            else
                throw source.Position.Error($"{model.Label} is given twice in {name}; mergekit would silently use only the later one (--strict-mergekit does that too)");
        }

        ModelReference? reference = slice.BaseModel ?? recipe.BaseModel;
        OpenModel? apart = null;
        if (method.Base != BaseRole.Ordinary && reference is not null)
        {
            apart = models.Open(reference, recipe.BaseModelPosition);
            if (sources.RemoveAll(source => source.Model.Reference == reference) == 0)
                throw slice.Position.Error($"{name} does not list the base model {reference}, which {method.Name} needs there; add it to the sources with its layer_range");
        }
        else if (method.Base == BaseRole.Required)
        {
            throw recipe.Position.Error($"{method.Name} needs a 'base_model'");
        }

        if (sources.Count < method.MinModels || sources.Count > method.MaxModels)
            throw slice.Position.Error($"{method.Name} merges {Numbers(method)}{(apart is null ? "" : " beside the base")}, but {name} lists {sources.Count}");
        (int from, int to) = slice.Sources[0].Layers!.Value;
        return new PlannedSlice(slice, owner, [.. sources], apart, to - from, name);
    }

    private int LayerCount(OpenModel model, ArchitectureModule module)
    {
        if (!_layerCounts.TryGetValue((model, module), out int count))
            _layerCounts.Add((model, module), count = module.LayerCount(model.Folder));
        return count;
    }

    private static string Numbers(MergeMethod method)
    {
        string text = method.MinModels == method.MaxModels ? $"exactly {method.MinModels}"
            : method.MaxModels == int.MaxValue ? $"at least {method.MinModels}"
            : $"{method.MinModels} to {method.MaxModels}";
        return $"{text} model{(method.MaxModels == 1 ? "" : "s")}";
    }
}
