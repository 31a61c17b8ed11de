using System.Text.Json;
using Merganser.Tokenizers;
using MicrosoftTokenizer = Microsoft.ML.Tokenizers.Tokenizer;

namespace Merganser.Bench;

/// <summary>A tokenizer as the benchmark sees it. One thread at a time; <see cref="Fork"/> gives one for another thread.</summary>
internal abstract class TokenizerSubject(string name, string vocabulary)
{
    public string Name => name;

    public string Vocabulary => vocabulary;

    /// <summary>Encodes one document to ids; returns their number.</summary>
    public abstract int Ids(TokenizerCorpus corpus, int document);

    /// <summary>Encodes to ids and offsets; -1 when the library has no such call.</summary>
    public abstract int Offsets(TokenizerCorpus corpus, int document);

    /// <summary>Counts tokens.</summary>
    public abstract int Count(TokenizerCorpus corpus, int document);

    /// <summary>The ids themselves, to compare.</summary>
    public abstract IReadOnlyList<int> Encode(TokenizerCorpus corpus, int document);

    public virtual TokenizerSubject Fork() => this;
}

/// <summary>Microsoft.ML.Tokenizers.</summary>
internal sealed class MicrosoftSubject(string vocabulary, MicrosoftTokenizer tokenizer) : TokenizerSubject("Microsoft.ML.Tokenizers", vocabulary)
{
    public override int Ids(TokenizerCorpus corpus, int document) => tokenizer.EncodeToIds(corpus.Documents[document]).Count;

    public override int Offsets(TokenizerCorpus corpus, int document) => tokenizer.EncodeToTokens(corpus.Documents[document], out _).Count;

    public override int Count(TokenizerCorpus corpus, int document) => tokenizer.CountTokens(corpus.Documents[document]);

    public override IReadOnlyList<int> Encode(TokenizerCorpus corpus, int document) => tokenizer.EncodeToIds(corpus.Documents[document], considerPreTokenization: true);

    /// <summary>Its GPT-2 from the vocabulary file, with the pattern as the library's own encodings have it: compiled.</summary>
    public static MicrosoftTokenizer Gpt2(string vocabularies)
    {
        using Stream file = File.OpenRead(Path.Combine(vocabularies, "gpt2.tiktoken"));
        var pattern = new System.Text.RegularExpressions.Regex(SplitScanner.Gpt2Pattern, System.Text.RegularExpressions.RegexOptions.Compiled);
        return Microsoft.ML.Tokenizers.TiktokenTokenizer.Create(file, new Microsoft.ML.Tokenizers.RegexPreTokenizer(pattern, null), null);
    }
}

/// <summary>SharpToken.</summary>
internal sealed class SharpTokenSubject(string vocabulary, SharpToken.GptEncoding encoding) : TokenizerSubject("SharpToken", vocabulary)
{
    public override int Ids(TokenizerCorpus corpus, int document) => encoding.Encode(corpus.Documents[document]).Count;

    public override int Offsets(TokenizerCorpus corpus, int document) => -1;

    public override int Count(TokenizerCorpus corpus, int document) => encoding.CountTokens(corpus.Documents[document]);

    public override IReadOnlyList<int> Encode(TokenizerCorpus corpus, int document) => encoding.Encode(corpus.Documents[document]);
}

/// <summary>The fused encoder alone, from UTF-16.</summary>
internal sealed class FusedSubject(string vocabulary, FusedPlan plan) : TokenizerSubject("Merganser", vocabulary)
{
    private readonly FusedEncoder _encoder = plan.CreateEncoder();
    private readonly TokenBuffer _ids = new();
    private readonly TokenBuffer _ranges = new(tracksOffsets: true);
    private byte[] _utf8 = new byte[1 << 16];

    public override int Ids(TokenizerCorpus corpus, int document) => Run(corpus.Documents[document], _ids);

    public override int Offsets(TokenizerCorpus corpus, int document) => Run(corpus.Documents[document], _ranges);

    public override int Count(TokenizerCorpus corpus, int document) => Run(corpus.Documents[document], _ids);

    public override IReadOnlyList<int> Encode(TokenizerCorpus corpus, int document)
    {
        Run(corpus.Documents[document], _ids);
        return _ids.Ids.ToArray();
    }

    public override TokenizerSubject Fork() => new FusedSubject(Vocabulary, plan);

    private int Run(string text, TokenBuffer tokens)
    {
        if (_utf8.Length < text.Length * 3)
            _utf8 = new byte[text.Length * 3];
        System.Text.Unicode.Utf8.FromUtf16(text, _utf8, out _, out int length);
        tokens.Clear();
        _encoder.Encode(_utf8.AsSpan(0, length), 0, tokens);
        return tokens.Count;
    }

    public static FusedSubject Load(string vocabulary, string path)
    {
        using JsonDocument file = JsonDocument.Parse(File.ReadAllBytes(path));
        JsonElement model = file.RootElement.GetProperty("model");
        var tokens = new Vocabulary.Builder();
        foreach (JsonProperty token in model.GetProperty("vocab").EnumerateObject())
            tokens.Add(token.Name, token.Value.GetInt32());
        Vocabulary vocab = tokens.Build();
        if (model.TryGetProperty("type", out JsonElement type) && type.GetString() == "WordPiece")
        {
            var wordPiece = new WordPieceModel(vocab);
            return new FusedSubject(vocabulary, FusedPlan.TryCreate(new BertNormalizer(), new BertPreTokenizer(), wordPiece)!);
        }

        var merges = new MergeTable.Builder(vocab);
        foreach (JsonElement merge in model.GetProperty("merges").EnumerateArray())
        {
            if (merge.ValueKind == JsonValueKind.String)
                merges.AddLine(System.Text.Encoding.UTF8.GetBytes(merge.GetString()!));
            else
                merges.Add(System.Text.Encoding.UTF8.GetBytes(merge[0].GetString()!), System.Text.Encoding.UTF8.GetBytes(merge[1].GetString()!));
        }

        bool ignoresMerges = model.TryGetProperty("ignore_merges", out JsonElement ignore) && ignore.ValueKind == JsonValueKind.True;
        var bpe = new BpeModel(vocab, merges.Build()) { IgnoreMerges = ignoresMerges, ByteFallback = vocabulary == "gemma3", FuseUnk = vocabulary == "gemma3", UnkToken = vocabulary == "gemma3" ? "<unk>" : null };
        Normalizer? normalizer = vocabulary switch
        {
            "qwen3" => new UnicodeNormalizer(UnicodeForm.Nfc),
            "gemma3" => new ReplaceNormalizer { Pattern = SplitPattern.Literal(" "), Content = "▁" },
            _ => null,
        };
        string? pattern = vocabulary switch { "cl100k" or "llama3" => SplitScanner.Cl100kPattern, "qwen3" => SplitScanner.QwenPattern, "o200k" => SplitScanner.O200kPattern, _ => null };
        PreTokenizer preTokenizer = vocabulary == "gemma3"
            ? new SplitPreTokenizer { Pattern = SplitPattern.Literal(" "), Behavior = SplitBehavior.MergedWithPrevious }
            : pattern is null
            ? new ByteLevelPreTokenizer { AddPrefixSpace = false }
            : new SequencePreTokenizer([new SplitPreTokenizer { Pattern = SplitPattern.Regex(pattern), Behavior = SplitBehavior.Isolated }, new ByteLevelPreTokenizer { AddPrefixSpace = false, UseRegex = false }]);
        return new FusedSubject(vocabulary, FusedPlan.TryCreate(normalizer, preTokenizer, bpe)!);
    }
}
