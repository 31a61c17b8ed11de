namespace Merganser.Weights.Recipes;

/// <summary>The chat template of the merged model.</summary>
internal static class ChatTemplates
{
    public static void Apply(MergeRecipe recipe, ModelSet models, IDictionary<string, string> copied, IDictionary<string, string> written)
    {
    }
}
