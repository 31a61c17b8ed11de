using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Tokenizers;
using Merganser.Tokenizers.Chat;

namespace Merganser.Neural.Decoding;

/// <summary>Turns messages into the token ids that a chat model expects: the folder's template, its special tokens, no others added.</summary>
public sealed class ChatPrompt
{
    private readonly ChatTemplate _template;
    private readonly Tokenizer _tokenizer;
    private readonly JsonObject _variables;

    private ChatPrompt(ChatTemplate template, Tokenizer tokenizer, JsonObject variables) => (_template, _tokenizer, _variables) = (template, tokenizer, variables);

    /// <summary>The template of a folder, or null if it has none.</summary>
    public static ChatPrompt? Find(string folder, Tokenizer tokenizer)
    {
        if (ChatTemplate.Find(folder) is not { } template)
            return null;
        var variables = new JsonObject();
        string config = Path.Combine(folder, "tokenizer_config.json");
        if (File.Exists(config))
        {
            JsonObject document = BoundedJson.ReadObject(config);
            foreach (string name in (ReadOnlySpan<string>)["bos_token", "eos_token", "unk_token", "pad_token"])
            {
                string? text = document[name] switch { JsonValue value when value.TryGetValue(out string? plain) => plain, JsonObject token => (string?)token["content"], _ => null };
                if (text is not null)
                    variables[name] = text;
            }
        }

        return new ChatPrompt(template, tokenizer, variables);
    }

    /// <summary>The text of a conversation that an answer follows.</summary>
    public string Text(IEnumerable<(string Role, string Content)> messages) =>
        _template.Render([.. messages.Select(message => new JsonObject { ["role"] = message.Role, ["content"] = message.Content })], variables: _variables);

    /// <summary>Its ids. What a user wrote is text even where it looks like a special token only if the template keeps it apart; templates do not.</summary>
    public int[] Ids(IEnumerable<(string Role, string Content)> messages) => _tokenizer.EncodeToIds(Text(messages), addSpecialTokens: false);
}
