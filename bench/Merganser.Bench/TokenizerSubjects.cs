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

/// <summary>Ours: ids as an array of their own, ranges in a buffer that is used again.</summary>
internal sealed class MerganserSubject(string vocabulary, Tokenizer tokenizer) : TokenizerSubject("Merganser", vocabulary)
{
    private readonly TokenBuffer _ranges = new(tracksOffsets: true);
    private byte[] _utf8 = new byte[1 << 16];

    public override int Ids(TokenizerCorpus corpus, int document) => tokenizer.EncodeToIds(corpus.Documents[document], addSpecialTokens: false).Length;

    public override int Offsets(TokenizerCorpus corpus, int document)
    {
        string text = corpus.Documents[document];
        if (_utf8.Length < text.Length * 3)
            _utf8 = new byte[text.Length * 3];
        System.Text.Unicode.Utf8.FromUtf16(text, _utf8, out _, out int length);
        _ranges.Clear();
        tokenizer.EncodeUtf8(_utf8.AsSpan(0, length), _ranges, addSpecialTokens: false);
        return _ranges.Count;
    }

    public override int Count(TokenizerCorpus corpus, int document) => tokenizer.CountTokens(corpus.Documents[document], addSpecialTokens: false);

    public override IReadOnlyList<int> Encode(TokenizerCorpus corpus, int document) => tokenizer.EncodeToIds(corpus.Documents[document], addSpecialTokens: false);

    public override TokenizerSubject Fork() => new MerganserSubject(Vocabulary, tokenizer);
}
