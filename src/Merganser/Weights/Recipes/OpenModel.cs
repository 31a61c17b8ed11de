using Merganser.Checkpoints;
using Merganser.Checkpoints.Hub;

namespace Merganser.Weights.Recipes;

/// <summary>A model of a recipe with its tensors, an adapter applied.</summary>
internal sealed record OpenModel(ModelReference Reference, ModelFolder Folder, IReadOnlyDictionary<string, TensorSource> Tensors)
{
    /// <summary>The model as the recipe names it.</summary>
    public string Label { get; } = Reference.ToString();

    /// <summary>The folder of the adapter; null when there is none.</summary>
    public string? AdapterFolder { get; init; }

    /// <summary>Finds a tensor under its name, another spelling or, if <paramref name="tied"/>, under what it is tied to.</summary>
    public TensorSource? Find(WeightDefinition definition, bool tied)
    {
        if (Tensors.TryGetValue(definition.Name, out TensorSource? found))
            return found;
        foreach (string alias in definition.Aliases)
        {
            if (Tensors.TryGetValue(alias, out found))
                return found;
        }

        if (!tied)
            return null;
        foreach (string name in definition.TiedNames)
        {
            if (Tensors.TryGetValue(name, out found))
                return found;
        }

        return null;
    }
}

/// <summary>Finds and opens the models of a recipe, each folder once.</summary>
internal sealed class ModelSet(MergeRecipe recipe, PlanOptions options) : IDisposable
{
    private readonly Dictionary<ModelReference, OpenModel> _models = [];
    private readonly Dictionary<string, ModelFolder> _folders = [];
    private readonly List<IDisposable> _owned = [];

    /// <summary>All models in the order in which they were first asked for.</summary>
    public List<OpenModel> All { get; } = [];

    /// <summary>What must be closed.</summary>
    public IReadOnlyList<IDisposable> Owned => _owned;

    public OpenModel Open(ModelReference reference, RecipePosition at)
    {
        if (_models.TryGetValue(reference, out OpenModel? model))
            return model;
        ModelFolder folder = Folder(reference, at);
        IReadOnlyDictionary<string, TensorSource> tensors = folder.Weights.Tensors;
        string? adapter = reference.AdapterPath is { } path ? Locate(path, reference.AdapterRevision, "adapter", at) : null;
        if (adapter is not null)
            tensors = Overlay(folder, tensors, adapter, at);

        // An adapter may add tensors, so the architecture must see the model with it. The files stay owned by the plain folder.
        if (adapter is not null)
            folder = new ModelFolder(folder.Path, folder.Config, new Checkpoint(folder.Path, tensors.Values, folder.Weights.Files));
        model = new OpenModel(reference, folder, tensors) { AdapterFolder = adapter };
        _models.Add(reference, model);
        All.Add(model);
        return model;
    }

    public void Dispose()
    {
        foreach (IDisposable owned in _owned)
            owned.Dispose();
    }

    private ModelFolder Folder(ModelReference reference, RecipePosition at)
    {
        string path = Locate(reference.Path, reference.Revision, "model", at);
        if (_folders.TryGetValue(path, out ModelFolder? folder))
            return folder;
        folder = ModelFolder.Open(path);
        _owned.Add(folder);
        _folders.Add(path, folder);
        return folder;
    }

    private Dictionary<string, TensorSource> Overlay(ModelFolder folder, IReadOnlyDictionary<string, TensorSource> tensors, string adapter, RecipePosition at)
    {
        if (options.ApplyAdapter is null)
            throw at.Error($"the model has an adapter, {NearestName.Quote(adapter)}, but adapters are switched off here");
        Dictionary<string, TensorSource> all = new(tensors, StringComparer.Ordinal);
        foreach ((string name, TensorSource tensor) in options.ApplyAdapter(folder, adapter, _owned))
            all[name] = tensor;
        return all;
    }

    private string Locate(string path, string? revision, string what, RecipePosition at)
    {
        if (path.Contains('\0', StringComparison.Ordinal))
            throw at.Error($"the path {NearestName.Quote(path)} is not valid");
        string first = options.WorkingFolder is { } working ? Path.Combine(working, path) : path;
        if (Directory.Exists(first) || File.Exists(first))
            return first;
        string? folder = Path.GetDirectoryName(recipe.File);
        string beside = string.IsNullOrEmpty(folder) ? first : Path.Combine(folder, path);
        if (Directory.Exists(beside) || File.Exists(beside))
            return beside;
        var repository = HubRepository.TryParse(revision is null ? path : $"{path}@{revision}");
        if (repository is not null && HubCache.Default.Find(repository) is { } snapshot)
            return snapshot;
        string hint = Sibling(first) is { } near ? $"; did you mean {NearestName.Quote(near)}?" : "";
        throw at.Error(repository?.Name.Contains('/', StringComparison.Ordinal) == true && hint.Length == 0
            ? $"the {what} {NearestName.Quote(path)} is neither a folder here nor in the local cache; to download it: merganser pull {repository}"
            : $"there is no {what} {NearestName.Quote(path)}{hint}");
    }

    /// <summary>A folder beside the missing one with nearly its name, written as the recipe would.</summary>
    private static string? Sibling(string path)
    {
        try
        {
            string trimmed = Path.TrimEndingDirectorySeparator(path);
            string parent = Path.GetDirectoryName(trimmed) is { Length: > 0 } given ? given : ".";
            if (!Directory.Exists(parent))
                return null;
            IEnumerable<string> names = Directory.EnumerateDirectories(parent).Take(2000).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal);
            return NearestName.Find(Path.GetFileName(trimmed), names);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
