using System.CommandLine;

namespace Merganser.Cli;

/// <summary><c>tokenizer</c>: text into tokens and back, what a tokenizer is made of, training.</summary>
internal static class TokenizerVerb
{
    public static Command Create() => new("tokenizer", "Encode, decode, count, train, inspect, compare and convert tokenizers")
    {
        TokenizerEncodeVerb.Create(),
        TokenizerDecodeVerb.Create(),
        TokenizerCountVerb.Create(),
        TokenizerTrainVerb.Create(),
        TokenizerInspectVerb.Create(),
        TokenizerCompareVerb.Create(),
        TokenizerConvertVerb.Create(),
        TokenizerBenchVerb.Create(),
    };

    /// <summary>The argument that names a tokenizer.</summary>
    public static Argument<string> Source() => new("tokenizer")
    {
        Description = "a model folder, tokenizer.json, *.tiktoken, SentencePiece *.model, vocab.txt, or vocab.json beside merges.txt",
    };
}
