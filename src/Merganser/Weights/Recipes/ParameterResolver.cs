using System.Collections.Immutable;
using System.Globalization;

namespace Merganser.Weights.Recipes;

/// <summary>
/// Finds the value of an option for one tensor. Levels, the first that has a matching entry wins: the model's entry in the
/// slice, the slice, the module, the document, the method's default. A gradient is read at position <c>t</c> of the layer.
/// </summary>
internal sealed class ParameterResolver(MergeRecipe recipe, RecipeModule? module, RecipeSlice slice)
{
    /// <summary>The position in a gradient of layer <paramref name="layer"/> of a slice of <paramref name="count"/> layers; 1 when there is only one.</summary>
    public static double Position(int layer, int count) => count == 1 ? 1 : (double)layer / (count - 1);

    /// <summary>The value of a gradient at <paramref name="t"/> in [0, 1]: linear between neighbours.</summary>
    public static double Interpolate(ReadOnlySpan<RecipeValue> values, double t)
    {
        double scaled = t * (values.Length - 1);
        int left = Math.Clamp((int)scaled, 0, values.Length - 1);
        int right = Math.Min(left + 1, values.Length - 1);
        double fraction = scaled - left;
        return left == right ? values[left].Number : ((1 - fraction) * values[left].Number) + (fraction * values[right].Number);
    }

    /// <summary>Finds a value; false when the recipe sets none, so that the default counts.</summary>
    /// <param name="parameter">The option.</param>
    /// <param name="model">The model for options of each model; null for options of the whole method.</param>
    /// <param name="outputName">The tensor's name in the merged model: what filters of the whole method's options see.</param>
    /// <param name="inputName">The tensor's name in the model: what filters of a model's options see.</param>
    /// <param name="t">The position in gradients.</param>
    /// <param name="value">The value.</param>
    /// <param name="explanation">Where it came from.</param>
    public bool TryResolve(MethodParameter parameter, ModelReference? model, string outputName, string inputName, double t, out double value, out string explanation)
    {
        string name = parameter.PerModel ? inputName : outputName;
        if (parameter.PerModel && model is not null && slice.Sources.FirstOrDefault(source => source.Model == model) is { } first
            && TryLevel(first.Parameters, parameter, name, t, "model", out value, out explanation))
            return true;
        if (TryLevel(slice.Parameters, parameter, name, t, "slice", out value, out explanation)
            || (module is not null && TryLevel(module.Parameters, parameter, name, t, "module", out value, out explanation))
            || TryLevel(recipe.Parameters, parameter, name, t, "document", out value, out explanation))
            return true;
        explanation = parameter.Default is { } fallback ? $"{Text(parameter, fallback)} (default)" : "not set";
        return false;
    }

    private static bool TryLevel(
        ImmutableArray<RecipeParameter> parameters, MethodParameter wanted, string name, double t, string level, out double value, out string explanation)
    {
        foreach (RecipeParameter parameter in parameters)
        {
            if (parameter.Name != wanted.Name)
                continue;
            foreach (RecipeParameterEntry entry in parameter.Entries)
            {
                if (!entry.Matches(name))
                    continue;
                value = Interpolate(entry.Values.AsSpan(), t);
                string filter = entry.Filter is null ? "" : $", filter {NearestName.Quote(entry.Filter)}";
                string gradient = entry.Values.Length == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", gradient at {t:0.###}");
                explanation = $"{Text(wanted, value)} ({level}, {entry.Position}{filter}{gradient})";
                return true;
            }
        }

        value = 0;
        explanation = "";
        return false;
    }

    private static string Text(MethodParameter parameter, double value) =>
        parameter.Words is { } words && value >= 0 && value < words.Count
            ? words[(int)value]
            : value.ToString("R", CultureInfo.InvariantCulture);
}
