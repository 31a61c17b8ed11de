using System.Text;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>Chooses the chat template of the merged model and changes only that entry of the tokenizer's files.</summary>
internal static class ChatTemplates
{
    private const string TokenizerConfig = "tokenizer_config.json";
    private const string JinjaFile = "chat_template.jinja";
    private const string JsonFile = "chat_template.json";
    private const string Key = "chat_template";
    private const int ShortestTemplate = 20;

    /// <summary>Does what <c>chat_template</c> asks; nothing when the recipe has no such key.</summary>
    public static void Apply(MergeRecipe recipe, ModelSet models, SortedDictionary<string, string> copied, SortedDictionary<string, string> written, Action<string> warn)
    {
        if (recipe.ChatTemplate is not { } wanted)
            return;
        string? template = wanted == "auto" ? MostFrequent(models) : Named(recipe, wanted);
        if (template is null)
        {
            warn($"{recipe.ChatTemplatePosition}: chat_template is auto, but no model has a template");
            return;
        }

        if (!copied.TryGetValue(TokenizerConfig, out string? config))
            throw recipe.ChatTemplatePosition.Error("chat_template needs a tokenizer in the output, but there is no tokenizer_config.json to copy");
        bool stored = false;
        if (copied.Remove(JinjaFile))
        {
            written[JinjaFile] = template;
            stored = true;
        }

        if (copied.TryGetValue(JsonFile, out string? json))
        {
            Edit(json, JsonFile);
            stored = true;
        }

        if (!stored || BoundedJson.ReadObject(config).ContainsKey(Key))
            Edit(config, TokenizerConfig);

        void Edit(string path, string name)
        {
            copied.Remove(name);
            written[name] = Encoding.UTF8.GetString(ConfigEditor.Open(path).Set(Key, JsonValue.Create(template)).ToArray());
        }
    }

    /// <summary>The template that most models have, blanks at both ends removed; of equally frequent ones the first.</summary>
    private static string? MostFrequent(ModelSet models)
    {
        List<(string Template, int Count)> seen = [];
        foreach (ModelFolder folder in models.All.Select(model => model.Folder).Distinct())
        {
            if (Read(folder.Path)?.Trim() is not { Length: > 0 } template)
                continue;
            int known = seen.FindIndex(other => other.Template == template);
            if (known < 0)
                seen.Add((template, 1));
            else
                seen[known] = (template, seen[known].Count + 1);
        }

        // MaxBy gives the first of equals.
        return seen.Count == 0 ? null : seen.MaxBy(entry => entry.Count).Template;
    }

    private static string? Read(string folder)
    {
        string jinja = Path.Combine(folder, JinjaFile);
        if (File.Exists(jinja))
            return Encoding.UTF8.GetString(BoundedJson.ReadBytes(jinja, BoundedJson.MaxConfigBytes));
        foreach (string name in new[] { TokenizerConfig, JsonFile })
        {
            string path = Path.Combine(folder, name);
            if (File.Exists(path) && Entry(BoundedJson.ReadObject(path)[Key]) is { } template)
                return template;
        }

        return null;
    }

    /// <summary>A template, or the one called <c>default</c> of a named set.</summary>
    private static string? Entry(JsonNode? node)
    {
        if (node is JsonArray set)
            return Text(set.OfType<JsonObject>().FirstOrDefault(entry => Text(entry["name"]) == "default")?["template"]);
        return node is JsonObject named ? Text(named["default"]) : Text(node);
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static string Named(MergeRecipe recipe, string wanted)
    {
        if (BuiltInTemplates.All.TryGetValue(wanted, out string? builtIn))
            return builtIn;
        return wanted.Length >= ShortestTemplate && wanted.Contains('{', StringComparison.Ordinal)
            ? wanted
            : throw recipe.ChatTemplatePosition.Error(
                $"chat_template {NearestName.Quote(wanted)} is neither 'auto', a built-in name nor a template (at least {ShortestTemplate} characters with a '{{'){NearestName.Hint(wanted, BuiltInTemplates.All.Keys.Append("auto"))}");
    }
}
