namespace Merganser.Weights.Recipes;

/// <summary>Old recipe formats, rewritten as today's.</summary>
internal static class LegacyRecipe
{
    public static YamlNode Translate(YamlNode root) => root;
}
