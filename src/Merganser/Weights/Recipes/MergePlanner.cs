using System.Collections.Immutable;
using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>Makes recipes concrete: finds the models, matches their tensors, resolves all options. Reads headers only and writes nothing.</summary>
public static class MergePlanner
{
    /// <summary>Plans one document.</summary>
    /// <exception cref="MerganserException">A model is missing, the models do not fit together, or an option is missing.</exception>
    public static MergePlan Plan(MergeRecipe recipe, PlanOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        options ??= new PlanOptions();
        ModelSet models = new(recipe, options);
        try
        {
            return Plan(recipe, options, models);
        }
        catch
        {
            models.Dispose();
            throw;
        }
    }

    private static MergePlan Plan(MergeRecipe recipe, PlanOptions options, ModelSet models)
    {
        foreach (RecipeSource source in recipe.AllSources)
            models.Open(source.Model, source.Position);
        if (recipe.BaseModel is { } baseModel)
            models.Open(baseModel, recipe.BaseModelPosition);
        foreach (ModelReference named in recipe.Tokenizer?.Models ?? [])
            models.Open(named, recipe.TokenizerPosition);

        OrderedSet warnings = new();
        foreach (string warning in recipe.Warnings)
            warnings.Add(warning);
        Architecture architecture = ArchitectureCatalog.Resolve(
            [.. models.All.Select(model => model.Folder)], options.AllowDifferentArchitectures, [.. models.All.Select(model => model.Reference.OverrideArchitecture)]);
        foreach (OpenModel model in models.All)
            WarnUnplaced(architecture, model, warnings.Add);
        ImmutableArray<PlannedModule> modules = new SliceLayout(recipe, options, models).Build(architecture);
        TokenizerAlignment? tokenizer = recipe.Tokenizer is { } rule ? TokenizerAlignment.Make(recipe, rule, models, architecture, warnings.Add) : null;
        List<TensorJob> jobs = Jobs(recipe, options, modules, tokenizer, warnings.Add);
        PlanFiles files = PlanFiles.Make(recipe, options, models, architecture, modules, jobs, tokenizer, warnings.Add);
        return new MergePlan
        {
            Jobs = InFileOrder(jobs),
            Config = files.Config,
            CopiedFiles = files.Copied,
            WrittenFiles = files.Written,
            Warnings = warnings.Items,
            Fingerprint = PlanFingerprint.Of(recipe, options, models),
            Inputs = models.Owned,
        };
    }

    private static List<TensorJob> Jobs(MergeRecipe recipe, PlanOptions options, ImmutableArray<PlannedModule> modules, TokenizerAlignment? tokenizer, Action<string> warn)
    {
        TensorPlanner planner = new(recipe, options, tokenizer, warn);
        List<TensorJob> jobs = [];
        foreach ((ArchitectureModule module, ImmutableArray<PlannedSlice> slices) in modules)
        {
            foreach (WeightDefinition weight in module.Pre)
                Add(planner.Plan(weight, slices[0], -1, -1, 0));
            int outputLayer = 0;
            foreach (PlannedSlice slice in slices)
            {
                for (int layer = 0; layer < slice.Length; layer++, outputLayer++)
                {
                    foreach (WeightDefinition weight in module.Layer)
                        Add(planner.Plan(weight, slice, layer, outputLayer, ParameterResolver.Position(layer, slice.Length)));
                }
            }

            foreach (WeightDefinition weight in module.Post)
                Add(planner.Plan(weight, slices[^1], -1, -1, options.PostPosition));
        }

        planner.ThrowIfMissing();
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (TensorJob job in jobs)
        {
            if (!names.Add(job.Output.Name))
                throw new MerganserException($"{recipe.File}: two modules both write the tensor {job.Output.Name}");
        }

        return jobs.Count > 0 ? jobs : throw new MerganserException($"{recipe.File}: the models have no tensor that could be merged");

        void Add(TensorJob? job)
        {
            if (job is not null)
                jobs.Add(job);
        }
    }

    private static void WarnUnplaced(Architecture architecture, OpenModel model, Action<string> warn)
    {
        const int shown = 3;
        IReadOnlyList<string> unplaced = architecture.Unplaced(model.Folder);
        if (unplaced.Count > 0)
            warn($"{model.Label}: {unplaced.Count} tensors have no place in the merged model and are left out: {string.Join(", ", unplaced.Take(shown))}{(unplaced.Count > shown ? ", …" : "")}");
    }

    /// <summary>The order in which the first input lies on disk, so that reading is sequential; what is computed on the fly comes last.</summary>
    private static IReadOnlyList<TensorJob> InFileOrder(List<TensorJob> jobs)
    {
        Dictionary<TensorJob, (string Path, long Offset)> places = new(ReferenceEqualityComparer.Instance);
        foreach (TensorJob job in jobs)
        {
            (CheckpointFile File, long Offset)? range = (job.Base ?? job.Inputs[0]).Range;
            places[job] = range is { } found ? (found.File.Path, found.Offset) : ("\uFFFF", 0);
        }

        return [.. jobs.OrderBy(job => places[job].Path, StringComparer.Ordinal).ThenBy(job => places[job].Offset)];
    }

    /// <summary>Lines without repetition, in the order in which they first came.</summary>
    private sealed class OrderedSet
    {
        private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
        private readonly List<string> _items = [];

        public IReadOnlyList<string> Items => _items;

        public void Add(string line)
        {
            if (_seen.Add(line))
                _items.Add(line);
        }
    }
}
