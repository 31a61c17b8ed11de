namespace Merganser.Weights.Recipes;

/// <summary>The README.md of a merged model.</summary>
internal static class ModelCard
{
    public static string Write(MergeRecipe recipe, PlanOptions options, ModelSet models) => $"# {options.Title}\n";
}
