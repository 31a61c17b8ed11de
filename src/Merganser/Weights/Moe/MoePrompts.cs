using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Tokenizers;
using Merganser.Weights.Recipes;

namespace Merganser.Weights.Moe;

/// <summary>Turns the prompts of experts into tokens of the base model.</summary>
internal static class MoePrompts
{
    /// <summary>
    /// The configuration with ids in place of text. As mergekit does it: the text of the beginning-of-text token is put before
    /// the prompt, and nothing else is added.
    /// </summary>
    /// <exception cref="MerganserException">There are prompts in text, but the base model has no tokenizer.</exception>
    public static MoeConfig Tokenize(MoeConfig config, OpenModel baseModel)
    {
        MoePrompt? first = config.Experts.Concat(config.SharedExperts).SelectMany(expert => expert.PositivePrompts.Concat(expert.NegativePrompts)).FirstOrDefault(prompt => prompt.Text is not null);
        if (first is null)
            return config;
        Tokenizer tokenizer;
        try
        {
            tokenizer = Tokenizer.Load(baseModel.Folder.Path);
        }
        catch (MerganserException e)
        {
            throw first.Position.Error($"a prompt that is text needs the tokenizer of the base model, which cannot be read ({e.Message}); give the ids of its tokens as a list, for example [1, 5, 6]");
        }

        string begin = BeginningOfText(baseModel.Folder.Path);
        MoePrompt Tokens(MoePrompt prompt) => prompt.Text is null ? prompt : prompt with { Text = null, Tokens = [.. tokenizer.EncodeToIds(begin + prompt.Text, addSpecialTokens: false)] };
        MoeExpert Expert(MoeExpert expert) => expert with
        {
            PositivePrompts = [.. expert.PositivePrompts.Select(Tokens)],
            NegativePrompts = [.. expert.NegativePrompts.Select(Tokens)],
        };
        return config with { Experts = [.. config.Experts.Select(Expert)], SharedExperts = [.. config.SharedExperts.Select(Expert)] };
    }

    private static string BeginningOfText(string folder)
    {
        string path = Path.Combine(folder, "tokenizer_config.json");
        JsonNode? token = File.Exists(path) ? BoundedJson.ReadObject(path)["bos_token"] : null;
        if (token is JsonObject named)
            token = named["content"];
        return token is JsonValue value && value.TryGetValue(out string? text) ? text : "";
    }
}
