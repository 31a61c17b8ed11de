using System.Collections.Immutable;

namespace Merganser.Weights.Recipes;

/// <summary>One value in a recipe: a number (switches are 0 and 1), or a word for options that are words.</summary>
/// <param name="Number">The number; not a number when it is a word.</param>
/// <param name="Word">The word; null for numbers.</param>
/// <param name="Position">Where it is written.</param>
public readonly record struct RecipeValue(double Number, string? Word, RecipePosition Position);

/// <summary>A value for the tensors that a filter selects.</summary>
/// <param name="Filter">Part of a tensor's name; null or <c>*</c> for all.</param>
/// <param name="Values">One value, or a gradient over the layers.</param>
/// <param name="Position">Where it is written.</param>
public sealed record RecipeParameterEntry(string? Filter, ImmutableArray<RecipeValue> Values, RecipePosition Position)
{
    /// <summary>True when the tensor's name contains the filter.</summary>
    public bool Matches(string tensorName) => Filter is null or "*" || tensorName.Contains(Filter, StringComparison.Ordinal);
}

/// <summary>An option that a recipe sets on one level: the first entry that matches a tensor counts.</summary>
/// <param name="Name">The name, such as <c>density</c>.</param>
/// <param name="Entries">The values in the order of the recipe.</param>
/// <param name="Position">Where the name is written.</param>
public sealed record RecipeParameter(string Name, ImmutableArray<RecipeParameterEntry> Entries, RecipePosition Position);
