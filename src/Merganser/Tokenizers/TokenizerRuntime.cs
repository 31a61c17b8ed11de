using System.Collections.Concurrent;

namespace Merganser.Tokenizers;

/// <summary>What a tokenizer derives from its parts once and shares between threads: the finders of added tokens and spare sessions.</summary>
internal sealed class TokenizerRuntime
{
    private const int MaxSpareSessions = 64;

    private readonly Tokenizer _tokenizer;
    private readonly ConcurrentQueue<TokenizerSession> _spare = new();
    private readonly Lazy<EdgeSpaces[]> _edgeSpaces;
    private TokenizerSession? _first;

    public TokenizerRuntime(Tokenizer tokenizer, bool mayFuse = true)
    {
        _tokenizer = tokenizer;
        OriginalMatcher = AddedTokenMatcher.ForOriginalText(tokenizer.AddedTokens);
        NormalizedMatcher = AddedTokenMatcher.ForNormalizedText(tokenizer.AddedTokens, tokenizer.Normalizer);
        if (mayFuse && (NormalizedMatcher is null || tokenizer.Normalizer is null))
            FusedPlan = FusedPlan.TryCreate(tokenizer.Normalizer, tokenizer.PreTokenizer, tokenizer.Model);
        NeedsOriginalPositions = LooksAtOriginalPosition(tokenizer.PreTokenizer);
        _edgeSpaces = new Lazy<EdgeSpaces[]>(FindEdgeSpaces);
    }

    public AddedTokenMatcher? OriginalMatcher { get; }

    public AddedTokenMatcher? NormalizedMatcher { get; }

    /// <summary>The fused road of this configuration, if it has one.</summary>
    public FusedPlan? FusedPlan { get; }

    /// <summary>Whether the pre-tokenizer asks where a piece came from, so that alignments are needed even for ids alone.</summary>
    public bool NeedsOriginalPositions { get; }

    /// <summary>The white space at the ends of the tokens of the model, by id.</summary>
    public EdgeSpaces[] EdgeSpaces => _edgeSpaces.Value;

    public TokenizerSession Rent()
    {
        if (Interlocked.Exchange(ref _first, null) is { } session || _spare.TryDequeue(out session))
            return session;
        return new TokenizerSession(_tokenizer, this);
    }

    public void Return(TokenizerSession session)
    {
        if (Interlocked.CompareExchange(ref _first, session, null) is not null && _spare.Count < MaxSpareSessions)
            _spare.Enqueue(session);
    }

    /// <summary>Counts the white space at the ends of a token: Ġ (a space of the byte-level alphabet) or White_Space.</summary>
    public static EdgeSpaces CountEdgeSpaces(ReadOnlySpan<byte> token)
    {
        int leading = 0;
        int at = 0;
        while (at < token.Length && IsSpace(Utf8.Decode(token, at, out int length)))
        {
            leading++;
            at += length;
        }

        int trailing = 0;
        int end = token.Length;
        while (end > 0 && IsSpace(Utf8.DecodeBackward(token, end, out int length)))
        {
            trailing++;
            end -= length;
        }

        return new EdgeSpaces(leading, trailing);
    }

    private static bool IsSpace(int codePoint) => codePoint == ByteLevelAlphabet.ToChar((byte)' ') || UnicodeTable.IsWhiteSpace(codePoint);

    private static bool LooksAtOriginalPosition(PreTokenizer? preTokenizer) => preTokenizer switch
    {
        MetaspacePreTokenizer metaspace => metaspace.PrependScheme == PrependScheme.First,
        SequencePreTokenizer sequence => sequence.PreTokenizers.Any(LooksAtOriginalPosition),
        _ => false,
    };

    private EdgeSpaces[] FindEdgeSpaces()
    {
        Vocabulary vocabulary = _tokenizer.Model.Vocabulary;
        var spaces = new EdgeSpaces[vocabulary.IdLimit];
        for (int id = 0; id < spaces.Length; id++)
            spaces[id] = CountEdgeSpaces(vocabulary[id]);
        return spaces;
    }
}
