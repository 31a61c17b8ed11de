namespace Merganser.Weights.Recipes;

/// <summary>A place in a recipe file, counted from 1; written as <c>recipe.yml:7:5</c>.</summary>
/// <param name="File">The file as the user named it.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Column">The column, from 1.</param>
public readonly record struct RecipePosition(string File, int Line, int Column)
{
    /// <inheritdoc/>
    public override string ToString() => $"{File}:{Line}:{Column}";

    /// <summary>An exception whose message begins with this place.</summary>
    internal MerganserException Error(string message, Exception? inner = null) => new($"{this}: {message}", inner);
}
