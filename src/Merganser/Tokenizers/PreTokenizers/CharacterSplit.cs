namespace Merganser.Tokenizers;

/// <summary>Tells which characters text is split at.</summary>
internal interface ICharacterTest
{
    bool Matches(int codePoint);
}

/// <summary>Cuts at single characters that pass a test; each is a match of its own.</summary>
internal static class CharacterSplit
{
    public static void Apply<TTest>(PreTokenizedText text, SplitBehavior behavior, TTest test)
        where TTest : struct, ICharacterTest
    {
        ReadOnlySpan<byte> bytes = text.Bytes;
        text.BeginSplit();
        for (int piece = 0; piece < text.Count; piece++)
        {
            (int start, int end) = text.Bounds(piece);
            var sink = new PieceSink(text, behavior, invert: false, start);
            for (int at = start; at < end;)
            {
                int codePoint = Utf8.Decode(bytes[..end], at, out int length);
                if (test.Matches(codePoint))
                    sink.Match(at, at + length);
                at += length;
            }

            sink.Finish(end);
        }

        text.EndSplit();
    }
}

/// <summary>White space.</summary>
internal readonly struct WhiteSpaceTest : ICharacterTest
{
    public bool Matches(int codePoint) => UnicodeTable.IsWhiteSpace(codePoint);
}

/// <summary>ASCII punctuation and categories P*.</summary>
internal readonly struct PunctuationTest : ICharacterTest
{
    public bool Matches(int codePoint) => UnicodeTable.IsBertPunctuation(codePoint);
}

/// <summary>Categories N*.</summary>
internal readonly struct NumberTest : ICharacterTest
{
    public bool Matches(int codePoint) => UnicodeTable.IsNumber(codePoint);
}

/// <summary>One character.</summary>
internal readonly struct DelimiterTest(int delimiter) : ICharacterTest
{
    public bool Matches(int codePoint) => codePoint == delimiter;
}
