using System.Buffers;

namespace Merganser.Weights.Recipes;

/// <summary>One merge of a recipe file that has several.</summary>
/// <param name="Recipe">The document, names of other documents replaced by folders.</param>
/// <param name="Folder">Where the result goes.</param>
/// <param name="IsDone">True when the folder holds the result of this recipe already, so that it need not be made again.</param>
public sealed record RecipeStep(MergeRecipe Recipe, string Folder, bool IsDone);

/// <summary>The documents of a recipe file. A document may use the result of another by its name in place of a model's path.</summary>
public sealed class RecipeSet
{
    private static readonly SearchValues<char> Forbidden = SearchValues.Create("/\\:*?\"<>|\0\r\n");

    /// <summary>Makes a set of at least one document.</summary>
    /// <exception cref="MerganserException">Two documents have the same name or none, or a name cannot be a folder's.</exception>
    public RecipeSet(string file, IReadOnlyList<MergeRecipe> documents)
    {
        ArgumentNullException.ThrowIfNull(documents);
        ArgumentOutOfRangeException.ThrowIfZero(documents.Count, nameof(documents));
        File = file;
        Documents = documents;
        HashSet<string> names = new(StringComparer.Ordinal);
        foreach (MergeRecipe recipe in documents)
        {
            if (recipe.Name is { } name && (name is "." or ".." || name.Trim().Length == 0 || name.AsSpan().ContainsAny(Forbidden)))
                throw recipe.Position.Error($"the name {NearestName.Quote(name)} cannot be the name of a folder");
            if (!names.Add(recipe.Name ?? ""))
                throw recipe.Position.Error(recipe.Name is null ? "a second document without 'name'; only one makes the output" : $"a second document is named {NearestName.Quote(recipe.Name)}");
        }
    }

    /// <summary>The file as the user named it.</summary>
    public string File { get; }

    /// <summary>The documents in the order of the file.</summary>
    public IReadOnlyList<MergeRecipe> Documents { get; }

    /// <summary>True when a document needs the output folder rather than an intermediate one.</summary>
    public bool NeedsOutput => Documents.Any(recipe => recipe.Name is null);

    /// <summary>The documents so that each comes after those that it uses; otherwise in the order of the file.</summary>
    /// <exception cref="MerganserException">Documents use one another in a circle.</exception>
    public IReadOnlyList<MergeRecipe> InOrder()
    {
        List<MergeRecipe> order = [];
        List<MergeRecipe> waiting = [.. Documents];
        HashSet<string> ready = new(StringComparer.Ordinal);
        while (waiting.Count > 0)
        {
            MergeRecipe? next = waiting.Find(recipe => Uses(recipe).All(ready.Contains));
            if (next is null)
                throw Cycle(waiting);
            waiting.Remove(next);
            order.Add(next);
            if (next.Name is { } name)
                ready.Add(name);
        }

        return order;
    }

    /// <summary>The merges to run, in order.</summary>
    /// <param name="intermediateFolder">Where results of named documents go, each in a folder of its name.</param>
    /// <param name="outputFolder">Where the result of the document without a name goes.</param>
    /// <param name="lazy">True to mark results that are there already as done; false to make everything again.</param>
    /// <exception cref="MerganserException">Documents use one another in a circle, or the output folder is missing.</exception>
    public IReadOnlyList<RecipeStep> Steps(string intermediateFolder, string? outputFolder, bool lazy = true)
    {
        List<RecipeStep> steps = [];
        HashSet<string> done = new(StringComparer.Ordinal);
        foreach (MergeRecipe recipe in InOrder())
        {
            string folder = recipe.Name is { } name
                ? Path.Combine(intermediateFolder, name)
                : outputFolder ?? throw recipe.Position.Error("this document has no 'name', so it needs an output folder");
            // The result of an older input is out of date even if its own recipe did not change.
            bool isDone = lazy && Uses(recipe).All(done.Contains) && HoldsResult(recipe, folder);
            if (isDone && recipe.Name is not null)
                done.Add(recipe.Name);
            steps.Add(new RecipeStep(WithFolders(recipe, intermediateFolder), folder, isDone));
        }

        return steps;
    }

    /// <summary>True when a folder has weights, a configuration and exactly this recipe.</summary>
    internal static bool HoldsResult(MergeRecipe recipe, string folder)
    {
        string stored = Path.Combine(folder, "mergekit_config.yml");
        try
        {
            return System.IO.File.Exists(Path.Combine(folder, "config.json"))
                && (System.IO.File.Exists(Path.Combine(folder, "model.safetensors")) || System.IO.File.Exists(Path.Combine(folder, "model.safetensors.index.json")))
                && new FileInfo(stored) is { Exists: true, Length: <= YamlTree.MaxCharacters * 4L }
                && PlanFingerprint.RecipeHash(recipe with { Text = System.IO.File.ReadAllText(stored) }) == PlanFingerprint.RecipeHash(recipe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private MergeRecipe WithFolders(MergeRecipe recipe, string intermediateFolder)
    {
        HashSet<string> names = [.. Documents.Select(document => document.Name).OfType<string>()];
        return recipe.Map(model => names.Contains(model.Path) ? model with { Path = Path.GetFullPath(Path.Combine(intermediateFolder, model.Path)) } : model);
    }

    private IEnumerable<string> Uses(MergeRecipe recipe) => recipe.AllModels.Select(model => model.Path)
        .Where(path => Documents.Any(document => document.Name == path)).Distinct(StringComparer.Ordinal);

    /// <summary>Follows what waits for what until a name comes again.</summary>
    private MerganserException Cycle(List<MergeRecipe> waiting)
    {
        List<string> path = [];
        MergeRecipe current = waiting[0];
        while (true)
        {
            string next = Uses(current).First(name => waiting.Exists(recipe => recipe.Name == name));
            int seen = path.IndexOf(next);
            path.Add(next);
            if (seen >= 0)
                return current.Position.Error($"the documents use one another in a circle: {string.Join(" needs ", path[seen..].Select(NearestName.Quote))}");
            current = waiting.Find(recipe => recipe.Name == next)!;
        }
    }
}
