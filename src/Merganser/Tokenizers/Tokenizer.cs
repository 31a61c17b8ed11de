namespace Merganser.Tokenizers;

/// <summary>
/// Turns text into token ids and back: the pipeline of a <c>tokenizer.json</c>. A tokenizer never changes after it was made
/// and may be used by many threads at once. Text is worked on as UTF-8; lone surrogates of UTF-16 become U+FFFD, bytes that
/// are no UTF-8 reach the model as they are.
/// </summary>
public sealed partial class Tokenizer
{
    private readonly Lazy<TokenizerRuntime> _runtime;

    /// <summary>Makes a tokenizer around a model.</summary>
    public Tokenizer(TokenizerModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Model = model;
        _runtime = new Lazy<TokenizerRuntime>(() => new TokenizerRuntime(this));
    }

    private Tokenizer(Tokenizer other, bool mayFuse = true)
    {
        Model = other.Model;
        Normalizer = other.Normalizer;
        PreTokenizer = other.PreTokenizer;
        PostProcessor = other.PostProcessor;
        Decoder = other.Decoder;
        AddedTokens = other.AddedTokens;
        Truncation = other.Truncation;
        Padding = other.Padding;
        // Nothing in it depends on what the other copies may change.
        _runtime = mayFuse ? other._runtime : new Lazy<TokenizerRuntime>(() => new TokenizerRuntime(this, mayFuse: false));
    }

    /// <summary>Rewrites the text first; null: not.</summary>
    public Normalizer? Normalizer { get; init; }

    /// <summary>Cuts the text into pretokens; null: it is one.</summary>
    public PreTokenizer? PreTokenizer { get; init; }

    /// <summary>Turns pretokens into tokens.</summary>
    public TokenizerModel Model { get; }

    /// <summary>Puts special tokens in; null: none.</summary>
    public PostProcessor? PostProcessor { get; init; }

    /// <summary>Turns token strings back into text; null: they are joined with spaces.</summary>
    public TokenDecoder? Decoder { get; init; }

    /// <summary>The added tokens.</summary>
    public AddedVocabulary AddedTokens { get; init; } = AddedVocabulary.Empty;

    /// <summary>The limit on the number of tokens; null: none. <see cref="Encode"/> and batches apply it.</summary>
    public Truncation? Truncation { get; init; }

    /// <summary>How encodings are filled up; null: not. <see cref="Encode"/> and batches apply it.</summary>
    public Padding? Padding { get; init; }

    /// <summary>The number of tokens of the model and added ones.</summary>
    public int VocabularySize
    {
        get
        {
            int count = Model.Vocabulary.Count;
            foreach (AddedToken token in AddedTokens.Tokens)
                count += Model.Vocabulary.Contains(token.Id) ? 0 : 1;
            return count;
        }
    }

    /// <summary>Whether tokens are written in the byte-level alphabet, in which every letter stands for a byte.</summary>
    public bool IsByteLevel =>
        Decoder is ByteLevelDecoder || (Decoder is SequenceDecoder several && several.Decoders.Any(decoder => decoder is ByteLevelDecoder))
        || PreTokenizer is ByteLevelPreTokenizer || (PreTokenizer is SequencePreTokenizer steps && steps.PreTokenizers.Any(step => step is ByteLevelPreTokenizer))
        || Normalizer is ByteLevelNormalizer;

    private TokenizerRuntime Runtime => _runtime.Value;

    /// <summary>The same tokenizer with another truncation.</summary>
    public Tokenizer WithTruncation(Truncation? truncation) => new(this) { Truncation = truncation };

    /// <summary>The same tokenizer with another padding.</summary>
    public Tokenizer WithPadding(Padding? padding) => new(this) { Padding = padding };

    /// <summary>Finds the id of a token, added tokens first. Byte-level tokens are named in their alphabet.</summary>
    public bool TryGetId(string token, out int id)
    {
        ArgumentNullException.ThrowIfNull(token);
        if (AddedTokens.TryGet(token, out AddedToken added))
        {
            id = added.Id;
            return true;
        }

        return Model.Vocabulary.TryGetId(token, out id);
    }

    /// <summary>The token of an id, byte-level ones in their alphabet; null for an id without one.</summary>
    public string? GetToken(int id)
    {
        if (AddedTokens.TryGet(id, out AddedToken added))
            return added.Content;
        return Model.Vocabulary.Contains(id) ? Model.Vocabulary.GetText(id) : null;
    }

    /// <summary>Encodes a text to ids. Neither truncation nor padding is applied.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether the post-processor puts special tokens in.</param>
    public int[] EncodeToIds(string text, bool addSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        return EncodeToIds(text.AsSpan(), addSpecialTokens);
    }

    /// <summary>Encodes a text to ids. Neither truncation nor padding is applied.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether the post-processor puts special tokens in.</param>
    /// <param name="specialTokens">What is done with special tokens in the text.</param>
    public int[] EncodeToIds(ReadOnlySpan<char> text, bool addSpecialTokens = true, SpecialTokenPolicy specialTokens = SpecialTokenPolicy.Allow)
    {
        TokenizerSession session = Runtime.Rent();
        try
        {
            session.Ids.Clear();
            AppendIds(session, session.Transcode(text), session.Ids, addSpecialTokens, specialTokens);
            return session.Ids.Ids.ToArray();
        }
        finally
        {
            Runtime.Return(session);
        }
    }

    /// <summary>Encodes UTF-8 text to ids. Neither truncation nor padding is applied.</summary>
    public int[] EncodeUtf8ToIds(ReadOnlySpan<byte> utf8, bool addSpecialTokens = true, SpecialTokenPolicy specialTokens = SpecialTokenPolicy.Allow)
    {
        TokenizerSession session = Runtime.Rent();
        try
        {
            session.Ids.Clear();
            AppendIds(session, utf8, session.Ids, addSpecialTokens, specialTokens);
            return session.Ids.Ids.ToArray();
        }
        finally
        {
            Runtime.Return(session);
        }
    }

    /// <summary>
    /// Appends the tokens of UTF-8 text to a buffer, with their byte ranges if it keeps them (special tokens put in: 0, 0).
    /// Allocates nothing per token; neither truncation nor padding is applied, and offsets are not trimmed.
    /// </summary>
    public void EncodeUtf8(ReadOnlySpan<byte> utf8, TokenBuffer tokens, bool addSpecialTokens = true, SpecialTokenPolicy specialTokens = SpecialTokenPolicy.Allow)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        TokenizerSession session = Runtime.Rent();
        try
        {
            AppendIds(session, utf8, tokens, addSpecialTokens, specialTokens);
        }
        finally
        {
            Runtime.Return(session);
        }
    }

    /// <summary>The number of ids that <see cref="EncodeToIds(string, bool)"/> gives.</summary>
    public int CountTokens(string text, bool addSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        return CountTokens(text.AsSpan(), addSpecialTokens);
    }

    /// <summary>The number of ids that <see cref="EncodeToIds(ReadOnlySpan{char}, bool, SpecialTokenPolicy)"/> gives.</summary>
    public int CountTokens(ReadOnlySpan<char> text, bool addSpecialTokens = true, SpecialTokenPolicy specialTokens = SpecialTokenPolicy.Allow)
    {
        TokenizerSession session = Runtime.Rent();
        try
        {
            session.Ids.Clear();
            AppendIds(session, session.Transcode(text), session.Ids, addSpecialTokens, specialTokens);
            return session.Ids.Count;
        }
        finally
        {
            Runtime.Return(session);
        }
    }

    /// <summary>Encodes a text or a pair with everything that the tokenizer knows about its tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pair">The second text of a pair, or null.</param>
    /// <param name="options">Null: <see cref="EncodeOptions.Default"/>.</param>
    /// <exception cref="MerganserException">The text cannot be encoded, holds a forbidden special token, or cannot be truncated as asked.</exception>
    public Encoding Encode(string text, string? pair = null, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        options ??= EncodeOptions.Default;
        Encoding encoding = EncodeUnpadded(text, pair, options);
        return options.Pad && Padding is { } padding ? EncodingSlices.Pad(encoding, PaddedLength(padding, encoding.Count), padding) : encoding;
    }

    /// <summary>Whether this configuration has a fused road.</summary>
    internal bool IsFused => Runtime.FusedPlan is not null;

    /// <summary>The same tokenizer, following the pipeline step by step even where there is a fused road: what that must agree with.</summary>
    internal Tokenizer StepByStep() => new(this, mayFuse: false);

    private Encoding EncodeUnpadded(string text, string? pair, EncodeOptions options)
    {
        Truncation? truncation = options.Truncate ? Truncation : null;
        TokenizerSession session = Runtime.Rent();
        try
        {
            Encoding first = EncodeSequence(session, text, 0, options, truncation);
            Encoding? second = pair is null ? null : EncodeSequence(session, pair, 1, options, truncation);
            if (truncation is not null)
            {
                int reserved = options.AddSpecialTokens && PostProcessor is not null ? PostProcessor.AddedTokens(pair is not null) : 0;
                (first, second) = Truncator.Apply(truncation, reserved, first, second);
            }

            return PostProcessor is null ? PostProcessor.Join(first, second) : PostProcessor.Process(first, second, options.AddSpecialTokens);
        }
        finally
        {
            Runtime.Return(session);
        }
    }

    private Encoding EncodeSequence(TokenizerSession session, string text, int sequence, EncodeOptions options, Truncation? truncation)
    {
        bool isLimited = truncation is not null && !(truncation.Strategy == TruncationStrategy.OnlySecond && sequence == 0);
        var settings = new SessionOptions(
            options.SpecialTokens,
            isLimited ? truncation!.MaxLength : int.MaxValue,
            isLimited && truncation!.Direction == TextDirection.Left,
            PostProcessor?.TrimsOffsets ?? false);
        ReadOnlySpan<byte> utf8 = session.Transcode(text);
        session.Ranges.Clear();
        session.RunWithPretokens(utf8, session.Ranges, settings);
        return session.ToEncoding(utf8, session.Ranges, sequence, options.OffsetUnit, settings);
    }

    private void AppendIds(TokenizerSession session, ReadOnlySpan<byte> utf8, TokenBuffer tokens, bool addSpecialTokens, SpecialTokenPolicy policy)
    {
        (int[] before, int[] after) = PostProcessor is null ? ([], []) : PostProcessor.Frame(addSpecialTokens)
            ?? throw new MerganserException("this post-processor does more than put special tokens around the text; use Encode");
        foreach (int id in before)
            tokens.Add(id, 0, 0);
        session.RunFast(utf8, tokens, policy);
        foreach (int id in after)
            tokens.Add(id, 0, 0);
    }

    private static int PaddedLength(Padding padding, int longest)
    {
        int length = padding.Length ?? longest;
        if (padding.PadToMultipleOf is int multiple and > 0 && length % multiple != 0)
            length = checked(length + multiple - length % multiple);
        return length;
    }
}
