namespace Merganser.Neural.Decoding;

/// <summary>One sequence that grows token by token and can be cut back: what sampling loops, drafts and chats stand on. Not for several threads at once.</summary>
public interface IStepDecoder : IDisposable
{
    /// <summary>The number of tokens so far, and the position of the next one.</summary>
    int Position { get; }

    /// <summary>The number of token ids, and of logits.</summary>
    int VocabularySize { get; }

    /// <summary>Adds one token and gives the logits of what follows it; they are valid until the next call.</summary>
    ReadOnlySpan<float> Step(int token);

    /// <summary>Adds tokens and gives the logits of what follows the last one; they are valid until the next call.</summary>
    ReadOnlySpan<float> Prefill(ReadOnlySpan<int> tokens);

    /// <summary>Drops tokens from the end until <paramref name="position"/> remain; 0 begins a new sequence.</summary>
    void Truncate(int position);
}
