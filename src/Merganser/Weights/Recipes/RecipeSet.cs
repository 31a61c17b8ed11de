namespace Merganser.Weights.Recipes;

/// <summary>The documents of a recipe file.</summary>
/// <param name="file">The file as the user named it.</param>
/// <param name="documents">The documents in the order of the file.</param>
public sealed class RecipeSet(string file, IReadOnlyList<MergeRecipe> documents)
{
    /// <summary>The file as the user named it.</summary>
    public string File { get; } = file;

    /// <summary>The documents in the order of the file; at least one.</summary>
    public IReadOnlyList<MergeRecipe> Documents { get; } = documents;
}
