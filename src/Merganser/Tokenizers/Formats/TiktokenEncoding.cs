namespace Merganser.Tokenizers;

/// <summary>What a <c>.tiktoken</c> file does not say: how text is split and which special tokens there are.</summary>
/// <param name="Name">A name for messages.</param>
/// <param name="Pattern">The split pattern, a regular expression.</param>
/// <param name="SpecialTokens">The special tokens and their ids.</param>
public sealed record TiktokenEncoding(string Name, string Pattern, IReadOnlyList<AddedToken> SpecialTokens)
{
    /// <summary>The encoding of GPT-2 (and r50k_base).</summary>
    public static TiktokenEncoding Gpt2 { get; } = new("gpt2", SplitScanner.Gpt2Pattern, [Special(50256, "<|endoftext|>")]);

    /// <summary>The encoding of GPT-3.5 and GPT-4.</summary>
    public static TiktokenEncoding Cl100k { get; } = new(
        "cl100k",
        SplitScanner.Cl100kPattern,
        [
            Special(100257, "<|endoftext|>"), Special(100258, "<|fim_prefix|>"), Special(100259, "<|fim_middle|>"),
            Special(100260, "<|fim_suffix|>"), Special(100276, "<|endofprompt|>"),
        ]);

    /// <summary>The encoding of GPT-4o.</summary>
    public static TiktokenEncoding O200k { get; } = new("o200k", SplitScanner.O200kPattern, [Special(199999, "<|endoftext|>"), Special(200018, "<|endofprompt|>")]);

    /// <summary>The known encoding of a file, by its SHA-256 or, failing that, by its name; null when it is neither.</summary>
    internal static TiktokenEncoding? Find(string sha256, string fileName)
    {
        switch (sha256.ToLowerInvariant())
        {
            case "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930":
                return Gpt2;
            case "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7":
                return Cl100k;
            case "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d":
                return O200k;
        }

        return Path.GetFileNameWithoutExtension(fileName).ToLowerInvariant() switch
        {
            "gpt2" or "r50k" or "r50k_base" => Gpt2,
            "cl100k" or "cl100k_base" => Cl100k,
            "o200k" or "o200k_base" => O200k,
            _ => null,
        };
    }

    private static AddedToken Special(int id, string content) => new(id, content, Special: true);
}
