using System.Text.Json;

namespace Merganser.Tokenizers;

/// <summary>
/// Reads the merges of a tokenizer.json on all cores: half a million small arrays are most of a large file. The text is cut
/// where an element seems to begin. Each part is read as if one did; a part counts only if the part before it ends exactly
/// there, else it is read again from where that one ends. Whatever is odd is left to the ordinary reader and its messages.
/// </summary>
internal static class MergesScanner
{
    private const int SmallestPart = 1 << 20;
    private const int MostParts = 8;

    /// <summary>Reads the elements of the list that the reader has just entered, and moves the reader to its end.</summary>
    /// <param name="text">What the reader reads.</param>
    /// <param name="reader">Behind the opening bracket; unchanged when nothing comes of it.</param>
    /// <param name="vocabulary">The tokens.</param>
    /// <param name="prefix">The prefix of inner symbols.</param>
    /// <returns>Null: something is unusual or wrong.</returns>
    public static unsafe MergeTable? TryRead(ReadOnlySpan<byte> text, ref Utf8JsonReader reader, Vocabulary vocabulary, string prefix)
    {
        int begin = SkipSpace(text, (int)reader.BytesConsumed);
        int count = Math.Clamp((text.Length - begin) / SmallestPart, 1, Math.Min(MostParts, Environment.ProcessorCount));
        var parts = new Part[count];
        for (int i = 0; i < count; i++)
        {
            int from = begin + (int)((long)(text.Length - begin) * i / count);
            parts[i] = new Part { From = i == 0 ? begin : FindElement(text, from), Stop = text.Length };
            if (i > 0)
                parts[i - 1].Stop = parts[i].From;
        }

        fixed (byte* start = text)
        {
            byte* pinned = start;
            int length = text.Length;
            if (count == 1)
                parts[0].Read(text, vocabulary, prefix);
            else
                Parallel.For(0, count, i => parts[i].Read(new ReadOnlySpan<byte>(pinned, length), vocabulary, prefix));
        }

        for (int i = 1; i < count; i++)
        {
            if (parts[0].Merges is null || parts[0].IsAtEnd)
                break;
            if (parts[i].From != parts[0].End)
            {
                parts[i].From = parts[0].End;
                parts[i].Read(text, vocabulary, prefix);
            }

            if (parts[i].Merges is null || !parts[0].Merges!.TryAppend(parts[i].Merges!))
                return null;
            parts[0].End = parts[i].End;
            parts[0].IsAtEnd = parts[i].IsAtEnd;
        }

        if (parts[0].Merges is not { } merges || !parts[0].IsAtEnd)
            return null;
        reader = new Utf8JsonReader(text[parts[0].End..], isFinalBlock: true, reader.CurrentState);
        reader.Read(); // the closing bracket
        return merges.Build();
    }

    /// <summary>Where an element seems to begin: behind a comma, a bracket or quote, and after a quote (and a bracket).</summary>
    private static int FindElement(ReadOnlySpan<byte> text, int from)
    {
        for (int at = from; at < text.Length; at++)
        {
            if (text[at] != '"')
                continue;
            int next = SkipSpace(text, at + 1);
            if (next < text.Length && text[next] == ']')
                next = SkipSpace(text, next + 1);
            if (next >= text.Length || text[next] != ',')
                continue;
            bool closes = text[next - 1] == ']' || text.Slice(at, next - at).Contains((byte)']');
            next = SkipSpace(text, next + 1);
            if (next < text.Length && text[next] == (closes ? '[' : '"') && (closes || !LooksLikePairs(text, next)))
                return next;
        }

        return text.Length;
    }

    /// <summary>Whether a quote begins the second half of a pair, which a bracket follows, rather than a whole line.</summary>
    private static bool LooksLikePairs(ReadOnlySpan<byte> text, int quote)
    {
        int end = text[(quote + 1)..].IndexOf((byte)'"');
        int next = end < 0 ? text.Length : SkipSpace(text, quote + end + 2);
        return next < text.Length && text[next] == ']';
    }

    private static int SkipSpace(ReadOnlySpan<byte> text, int at)
    {
        while (at < text.Length && text[at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            at++;
        return at;
    }

    private struct Part
    {
        private byte[] _left;
        private byte[] _right;

        public int From;
        public int Stop; // the element that begins here or behind belongs to the next part
        public int End;
        public bool IsAtEnd; // at the closing bracket
        public MergeTable.Builder? Merges; // null: failed

        public void Read(ReadOnlySpan<byte> text, Vocabulary vocabulary, string prefix)
        {
            var merges = new MergeTable.Builder(vocabulary, prefix);
            _left = new byte[256];
            _right = new byte[256];
            Merges = null;
            try
            {
                Merges = ReadElements(text, merges) ? merges : null;
            }
            catch (MerganserException)
            {
                // The ordinary reader says it with its place.
            }
        }

        private bool ReadElements(ReadOnlySpan<byte> text, MergeTable.Builder merges)
        {
            int at = From;
            if (at < text.Length && text[at] == ']')
                return Finish(at, isAtEnd: true);
            while (at < Stop)
            {
                if (text[at] == '[')
                {
                    at = SkipSpace(text, at + 1);
                    if (!TryString(text, ref at, ref _left, out ReadOnlySpan<byte> left) || !TryPass(text, ref at, (byte)',') || !TryString(text, ref at, ref _right, out ReadOnlySpan<byte> right) || !TryPass(text, ref at, (byte)']'))
                        return false;
                    merges.Add(left, right);
                }
                else if (TryString(text, ref at, ref _left, out ReadOnlySpan<byte> line))
                {
                    merges.AddLine(line);
                    at = SkipSpace(text, at);
                }
                else
                {
                    return false;
                }

                if (at < text.Length && text[at] == ']')
                    return Finish(at, isAtEnd: true);
                if (!TryPass(text, ref at, (byte)','))
                    return false;
            }

            return at < text.Length && Finish(at, isAtEnd: false);
        }

        private bool Finish(int at, bool isAtEnd)
        {
            End = at;
            IsAtEnd = isAtEnd;
            return true;
        }

        /// <summary>Passes white space, a character, and white space.</summary>
        private static bool TryPass(ReadOnlySpan<byte> text, ref int at, byte expected)
        {
            at = SkipSpace(text, at);
            if (at >= text.Length || text[at] != expected)
                return false;
            at = SkipSpace(text, at + 1);
            return true;
        }

        private static bool TryString(ReadOnlySpan<byte> text, ref int at, ref byte[] buffer, out ReadOnlySpan<byte> value)
        {
            value = default;
            if (at >= text.Length || text[at] != '"')
                return false;
            int start = at + 1;
            int end = start;
            bool isEscaped = false;
            for (; end < text.Length && text[end] != '"'; end++)
            {
                if (text[end] < 0x20)
                    return false;
                if (text[end] == '\\')
                {
                    isEscaped = true;
                    end++;
                }
            }

            if (end >= text.Length)
                return false;
            at = end + 1;
            value = text[start..end];
            if (!isEscaped)
                return true;
            var reader = new Utf8JsonReader(text[(start - 1)..at]);
            try
            {
                reader.Read();
                if (buffer.Length < value.Length)
                    buffer = new byte[value.Length];
                value = buffer.AsSpan(0, reader.CopyString(buffer));
                return true;
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                return false; // no string of JSON, or half a surrogate pair
            }
        }
    }
}
