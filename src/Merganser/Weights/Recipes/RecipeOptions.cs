namespace Merganser.Weights.Recipes;

/// <summary>How recipes are read.</summary>
public sealed record RecipeOptions
{
    /// <summary>The methods that recipes may name.</summary>
    public IReadOnlyCollection<MergeMethod> Methods { get; init; } = MergeMethods.All;

    /// <summary>Unknown keys and options become warnings; mergekit does not look at them at all.</summary>
    public bool AllowUnknownKeys { get; init; }
}
