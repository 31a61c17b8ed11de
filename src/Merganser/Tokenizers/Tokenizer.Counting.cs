namespace Merganser.Tokenizers;

/// <content>Texts cut to a number of tokens, with the conventions of Microsoft.ML.Tokenizers.</content>
public sealed partial class Tokenizer
{
    private static readonly EncodeOptions Plain = new() { AddSpecialTokens = false, Truncate = false, Pad = false };

    /// <summary>
    /// Encodes the beginning of a text to at most a number of ids, without special tokens put in and without ending inside a
    /// character.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="maxTokenCount">The most ids; at least 1.</param>
    /// <param name="charsConsumed">How many characters of the text the ids stand for.</param>
    public int[] EncodeToIds(string text, int maxTokenCount, out int charsConsumed)
    {
        Encoding encoding = EncodePlain(text, maxTokenCount);
        int count = CountFromStart(encoding, maxTokenCount);
        charsConsumed = count == encoding.Count ? text.Length : count == 0 ? 0 : encoding.Offsets[count - 1].End;
        return encoding.Ids[..count];
    }

    /// <summary>How many characters from the start of a text give at most a number of tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="maxTokenCount">The most tokens; at least 1.</param>
    /// <param name="tokenCount">The number of tokens of that beginning.</param>
    public int GetIndexByTokenCount(string text, int maxTokenCount, out int tokenCount)
    {
        tokenCount = EncodeToIds(text, maxTokenCount, out int charsConsumed).Length;
        return charsConsumed;
    }

    /// <summary>Where the end of a text begins that gives at most a number of tokens.</summary>
    /// <param name="text">The text.</param>
    /// <param name="maxTokenCount">The most tokens; at least 1.</param>
    /// <param name="tokenCount">The number of tokens of that end.</param>
    public int GetIndexByTokenCountFromEnd(string text, int maxTokenCount, out int tokenCount)
    {
        Encoding encoding = EncodePlain(text, maxTokenCount);
        int first = Math.Max(0, encoding.Count - maxTokenCount);
        // A character that is several tokens stays whole.
        while (first > 0 && first < encoding.Count && encoding.Offsets[first].Start < encoding.Offsets[first - 1].End)
            first++;
        tokenCount = encoding.Count - first;
        return first == 0 ? 0 : first == encoding.Count ? text.Length : encoding.Offsets[first].Start;
    }

    private Encoding EncodePlain(string text, int maxTokenCount)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokenCount, 1);
        return Encode(text, options: Plain);
    }

    private static int CountFromStart(Encoding encoding, int maxTokenCount)
    {
        int count = Math.Min(maxTokenCount, encoding.Count);
        while (count > 0 && count < encoding.Count && encoding.Offsets[count].Start < encoding.Offsets[count - 1].End)
            count--;
        return count;
    }
}
