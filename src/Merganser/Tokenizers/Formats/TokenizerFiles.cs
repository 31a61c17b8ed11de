namespace Merganser.Tokenizers;

/// <summary>Finds out what kind of file a tokenizer is in.</summary>
internal static class TokenizerFiles
{
    /// <summary>The files looked for in a folder, best first.</summary>
    private static readonly string[] Names =
    [
        "tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "spm.model", "vocab.json", "encoder.json", "vocab.txt", "tokenizer.tiktoken",
    ];

    public static Tokenizer Load(string path)
    {
        if (Directory.Exists(path))
        {
            foreach (string candidate in Names)
            {
                string file = Path.Combine(path, candidate);
                if (File.Exists(file))
                    return Load(file);
            }

            throw new MerganserException($"{path}: has no tokenizer: none of {string.Join(", ", Names)}");
        }

        string name = Path.GetFileName(path).ToLowerInvariant();
        if (name.EndsWith(".tiktoken", StringComparison.Ordinal))
            return TiktokenFile.Read(path, null);
        if (name.EndsWith(".model", StringComparison.Ordinal))
            return SentencePieceTokenizer.Load(path).ToTokenizer();
        if (name is "vocab.json" or "encoder.json")
            return MergesFile.Read(path);
        if (name is "merges.txt" or "vocab.bpe")
            return MergesFile.Read(Path.Combine(Path.GetDirectoryName(path) ?? "", name == "vocab.bpe" ? "encoder.json" : "vocab.json"));
        if (name.EndsWith(".txt", StringComparison.Ordinal))
            return BertVocabularyFile.Read(path);
        return TokenizerJson.Read(path);
    }
}
