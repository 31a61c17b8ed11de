namespace Merganser.Tokenizers;

/// <summary>A part of a text: an added token, or text between added tokens.</summary>
/// <param name="Start">The first byte.</param>
/// <param name="End">The end.</param>
/// <param name="AddedId">The id of the added token, -1 for text.</param>
internal readonly record struct TextSegment(int Start, int End, int AddedId);

/// <summary>Finds added tokens in text. Immutable.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly AhoCorasick _automaton;
    private readonly AddedToken[] _tokens;

    private AddedTokenMatcher(List<byte[]> contents, List<AddedToken> tokens)
    {
        _automaton = new AhoCorasick(contents);
        _tokens = [.. tokens];
    }

    /// <summary>The matcher of the tokens that are looked for in the text as given; null when there are none.</summary>
    public static AddedTokenMatcher? ForOriginalText(AddedVocabulary added) => Create(added, isNormalized: false, null);

    /// <summary>The matcher of the tokens that are looked for in normalised text; null when there are none.</summary>
    public static AddedTokenMatcher? ForNormalizedText(AddedVocabulary added, Normalizer? normalizer) => Create(added, isNormalized: true, normalizer);

    /// <summary>Cuts a text into added tokens and what is between.</summary>
    /// <param name="text">The text.</param>
    /// <param name="policy">What is done with special tokens.</param>
    /// <param name="segments">Where the parts go; it is cleared first.</param>
    /// <exception cref="MerganserException">There is a special token and the policy forbids it.</exception>
    public void Split(ReadOnlySpan<byte> text, SpecialTokenPolicy policy, List<TextSegment> segments)
    {
        segments.Clear();
        int done = 0;
        int at = 0;
        while (_automaton.TryFind(text, at, out int start, out int pattern))
        {
            ref readonly AddedToken token = ref _tokens[pattern];
            int end = start + _automaton.Length(pattern);
            at = end;
            if (token.Special && policy == SpecialTokenPolicy.AsText)
                continue;
            if (token.SingleWord && !StandsAlone(text, start, end))
                continue;
            if (token.Special && policy == SpecialTokenPolicy.Forbid)
                throw new MerganserException($"the text holds the special token {Checkpoints.Formats.Quoted.Name(token.Content)} at byte {start}; allow special tokens, encode them as text, or remove it");
            if (token.LeftStrip)
                start = SpaceBefore(text, start);
            if (token.RightStrip)
                end = SpaceAfter(text, end);
            start = Math.Max(start, done);
            if (start >= end)
                continue; // a token of white space that the one before has taken
            if (done < start)
                segments.Add(new TextSegment(done, start, -1));
            segments.Add(new TextSegment(start, end, token.Id));
            done = end;
        }

        if (done < text.Length)
            segments.Add(new TextSegment(done, text.Length, -1));
    }

    private static AddedTokenMatcher? Create(AddedVocabulary added, bool isNormalized, Normalizer? normalizer)
    {
        List<byte[]> contents = [];
        List<AddedToken> tokens = [];
        var text = new NormalizedText();
        foreach (AddedToken token in added.Tokens)
        {
            if (token.Normalized != isNormalized)
                continue;
            byte[] content = System.Text.Encoding.UTF8.GetBytes(token.Content);
            if (isNormalized && normalizer is not null)
            {
                text.Reset(content, 0, tracksOffsets: false);
                normalizer.Normalize(text);
                content = text.Bytes.ToArray();
            }

            if (content.Length == 0)
                continue; // nothing is left of it: it can never be found
            contents.Add(content);
            tokens.Add(token);
        }

        return tokens.Count > 0 ? new AddedTokenMatcher(contents, tokens) : null;
    }

    private static bool StandsAlone(ReadOnlySpan<byte> text, int start, int end) =>
        (start == 0 || !UnicodeTable.IsWord(Utf8.DecodeBackward(text, start, out _)))
        && (end == text.Length || !UnicodeTable.IsWord(Utf8.Decode(text, end, out _)));

    private static int SpaceBefore(ReadOnlySpan<byte> text, int start)
    {
        while (start > 0 && UnicodeTable.IsWhiteSpace(Utf8.DecodeBackward(text, start, out int length)))
            start -= length;
        return start;
    }

    private static int SpaceAfter(ReadOnlySpan<byte> text, int end)
    {
        while (end < text.Length && UnicodeTable.IsWhiteSpace(Utf8.Decode(text, end, out int length)))
            end += length;
        return end;
    }
}
