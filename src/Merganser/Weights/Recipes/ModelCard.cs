using System.Globalization;
using System.Text;
using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>The README.md of a merged model: what it is made of, by which recipe, and hashes that tie it to its inputs.</summary>
internal static class ModelCard
{
    public static string Write(MergeRecipe recipe, PlanOptions options, ModelSet models)
    {
        StringBuilder card = new();
        FrontMatter(card, models);
        card.Append(CultureInfo.InvariantCulture, $"# {OneLine(options.Title)}\n\nThis model was merged with Merganser from the models below; it was not trained further.\n\n## Method\n\n");
        card.Append(CultureInfo.InvariantCulture, $"`{recipe.Method.Name}`: {OneLine(recipe.Method.Summary)} ({Paper(recipe.Method.Paper)})");
        card.Append(recipe.BaseModel is { } baseModel && recipe.Method.Base != BaseRole.Ordinary && recipe.Method.Name != "slerp" ? $", using {Code(baseModel.ToString())} as a base.\n" : ".\n");
        card.Append("\n## Models\n\n");
        foreach (OpenModel model in models.All)
        {
            if (recipe.Method.Name == "slerp" || model.Reference != recipe.BaseModel || recipe.AllSources.Any(source => source.Model == model.Reference))
                card.Append(CultureInfo.InvariantCulture, $"- {Code(model.Label)}\n");
        }

        string fence = "```";
        while (recipe.Text.Contains(fence, StringComparison.Ordinal))
            fence += "`";
        card.Append(CultureInfo.InvariantCulture, $"\n## Recipe\n\n{fence}yaml\n{recipe.Text.ReplaceLineEndings("\n").TrimEnd()}\n{fence}\n");
        Hashes(card, recipe, models);
        return card.ToString();
    }

    private static void FrontMatter(StringBuilder card, ModelSet models)
    {
        string[] known = [.. models.All.Select(model => model.Folder.GetConfigString("_name_or_path")).OfType<string>().Where(IsRepository).Distinct(StringComparer.Ordinal)];
        card.Append("---\n");
        if (known.Length > 0)
            card.Append("base_model:\n");
        foreach (string name in known)
            card.Append(CultureInfo.InvariantCulture, $"- {name}\n");
        card.Append("library_name: transformers\ntags:\n- merganser\n- mergekit\n- merge\n---\n\n");
    }

    private static void Hashes(StringBuilder card, MergeRecipe recipe, ModelSet models)
    {
        card.Append(CultureInfo.InvariantCulture, $"\n## Hashes\n\nSHA-256 of the recipe: `{PlanFingerprint.RecipeHash(recipe)}`\n\n| model | file | bytes | SHA-256 of the header |\n|---|---|---|---|\n");
        foreach (OpenModel model in models.All)
        {
            foreach (CheckpointFile file in model.Folder.Weights.Files)
                card.Append(CultureInfo.InvariantCulture, $"| {Code(model.Label)} | {Code(Path.GetFileName(file.Path))} | {file.Length} | `{PlanFingerprint.HeaderHash(file)}` |\n");
        }
    }

    /// <summary>Where the method comes from, with a link when that names an arXiv number.</summary>
    private static string Paper(string paper)
    {
        const string mark = "arXiv ";
        int at = paper.IndexOf(mark, StringComparison.OrdinalIgnoreCase);
        if (at < 0)
            return OneLine(paper);
        int start = at + mark.Length, end = start;
        while (end < paper.Length && (char.IsAsciiDigit(paper[end]) || (paper[end] == '.' && end + 1 < paper.Length && char.IsAsciiDigit(paper[end + 1]))))
            end++;
        return end == start ? OneLine(paper) : OneLine($"{paper[..at]}[{paper[at..end]}](https://arxiv.org/abs/{paper[start..end]}){paper[end..]}");
    }

    /// <summary><c>owner/name</c> of letters, digits, dots, dashes and underscores: only such names may stand in front matter.</summary>
    private static bool IsRepository(string name)
    {
        string[] parts = name.Split('/');
        return parts.Length == 2 && name.Length <= 140 && parts.All(part => part.Length > 0 && char.IsAsciiLetterOrDigit(part[0])
            && part.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'));
    }

    private static string Code(string text) => $"`{OneLine(text).Replace('`', '\'').Replace("|", "\\|", StringComparison.Ordinal)}`";

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}
