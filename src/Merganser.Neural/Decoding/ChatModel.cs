using System.Runtime.CompilerServices;
using Merganser.Neural.Models;
using Microsoft.Extensions.AI;

namespace Merganser.Neural.Decoding;

/// <summary>A chat model in a folder as an <see cref="IChatClient"/>: what works with any other client works with it.</summary>
public sealed class ChatModel : IChatClient
{
    private readonly TextGenerator _text;
    private readonly ChatPrompt _prompt;
    private readonly GenerationOptions _recommended;
    private readonly string _folder;

    private ChatModel(string folder, TextGenerator text, ChatPrompt prompt)
    {
        (_folder, _text, _prompt) = (folder, text, prompt);
        _recommended = GenerationOptions.Recommended(folder);
    }

    /// <summary>Opens a folder.</summary>
    /// <exception cref="MerganserException">The model cannot be loaded, or has no chat template.</exception>
    public static ChatModel Load(string folder, ModelOptions? options = null) => Load(folder, options, new DecoderOptions());

    /// <summary>Opens a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">How the model is loaded.</param>
    /// <param name="decoder">How single sequences are decoded on the processor; null: by the model.</param>
    /// <exception cref="MerganserException">The model cannot be loaded, or has no chat template.</exception>
    public static ChatModel Load(string folder, ModelOptions? options, DecoderOptions? decoder)
    {
        TextGenerator text = TextGenerator.Load(folder, options, decoder);
        if (ChatPrompt.Find(folder, text.Tokenizer) is { } prompt)
            return new ChatModel(folder, text, prompt);
        text.Dispose();
        throw new MerganserException($"{folder}: no chat template (chat_template.jinja, or chat_template in tokenizer_config.json); 'merganser generate' continues plain text");
    }

    /// <summary>What the folder recommends for generation.</summary>
    public GenerationOptions Recommended => _recommended;

    /// <summary>Answers piece by piece.</summary>
    public IEnumerable<string> Stream(IEnumerable<(string Role, string Content)> messages, GenerationOptions options, CancellationToken cancellation = default) =>
        _text.Continue(_prompt.Ids(messages), options, cancellation);

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        string answer = await Task.Run(() => string.Concat(Stream(Plain(messages), Merged(options), cancellationToken)), cancellationToken).ConfigureAwait(false);
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, answer)) { ModelId = _folder };
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using IEnumerator<string> pieces = Stream(Plain(messages), Merged(options), cancellationToken).GetEnumerator();
        while (await Task.Run(pieces.MoveNext, cancellationToken).ConfigureAwait(false))
            yield return new ChatResponseUpdate(ChatRole.Assistant, pieces.Current) { ModelId = _folder };
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null) => serviceKey is null && serviceType.IsInstanceOfType(this) ? this : null;

    /// <inheritdoc/>
    public void Dispose() => _text.Dispose();

    private static IEnumerable<(string, string)> Plain(IEnumerable<ChatMessage> messages) => messages.Select(message => (message.Role.Value, message.Text));

    private GenerationOptions Merged(ChatOptions? options) => options is null ? _recommended : _recommended with
    {
        MaxNewTokens = options.MaxOutputTokens ?? _recommended.MaxNewTokens,
        Temperature = options.Temperature ?? _recommended.Temperature,
        TopK = options.TopK ?? _recommended.TopK,
        TopP = options.TopP ?? _recommended.TopP,
        Seed = (ulong)(options.Seed ?? 0),
        StopTexts = options.StopSequences is { } stops ? [.. stops] : [],
    };
}
