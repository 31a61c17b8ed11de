namespace Merganser.Tokenizers;

/// <summary>Encodes with a <see cref="ByteLevelPlan"/>.</summary>
internal sealed class ByteLevelEncoder(ByteLevelPlan plan) : FusedEncoder
{
    private readonly MergeEngine _engine = new(plan.Model.Merges);
    private readonly ScanWindow _window = new();
    private readonly NormalizedText _normalized = new();
    private int[] _ids = new int[64];
    private int[] _lengths = new int[64];
    private byte[] _spaced = [];

    public override PretokenTracking Pretokens => plan.Scanner is null ? PretokenTracking.WholePiece : PretokenTracking.EachWord;

    public override void Encode(ReadOnlySpan<byte> text, int textStart, TokenBuffer tokens)
    {
        if (text.IsEmpty)
            return;
        if (plan.Normalizer is null || (plan.Normalizer is UnicodeNormalizer && System.Text.Ascii.IsValid(text)))
        {
            EncodeNormalized(text, textStart, tokens);
            return;
        }

        _normalized.Reset(text, textStart, tokens.TracksOffsets);
        plan.Normalizer.Normalize(_normalized);
        int before = tokens.Count;
        EncodeNormalized(_normalized.Bytes, 0, tokens);
        Span<int> starts = tokens.MutableStarts;
        Span<int> ends = tokens.MutableEnds;
        for (int i = before; i < starts.Length; i++)
            (starts[i], ends[i]) = _normalized.OriginalRange(starts[i], ends[i]);
    }

    private void EncodeNormalized(ReadOnlySpan<byte> text, int textStart, TokenBuffer tokens)
    {
        if (!plan.AddsSpace || text.IsEmpty || text[0] == ' ')
        {
            EncodeSpaced(text, textStart, tokens);
            return;
        }

        if (_spaced.Length <= text.Length)
            _spaced = new byte[Math.Max(text.Length + 1, 2 * _spaced.Length)];
        _spaced[0] = (byte)' ';
        text.CopyTo(_spaced.AsSpan(1));
        int before = tokens.Count;
        EncodeSpaced(_spaced.AsSpan(0, text.Length + 1), textStart - 1, tokens);
        // The space shares the range of the first character.
        int firstEnd = textStart + Utf8.LengthAt(text, 0, text.Length);
        Span<int> starts = tokens.MutableStarts;
        Span<int> ends = tokens.MutableEnds;
        for (int i = before; i < starts.Length && starts[i] < textStart; i++)
        {
            starts[i] = textStart;
            ends[i] = Math.Max(ends[i], firstEnd);
        }
    }

    private void EncodeSpaced(ReadOnlySpan<byte> text, int textStart, TokenBuffer tokens)
    {
        if (plan.Scanner is null)
        {
            AppendWord(text, 0, text.Length, textStart, tokens);
            return;
        }

        for (int start = 0; start < text.Length;)
        {
            int next = plan.Scanner.Next(text, start, _window);
            AppendWords(text, start, _window.Ends.AsSpan(0, _window.Count), textStart, tokens);
            start = next;
        }
    }

    protected override void EncodeWord(ReadOnlySpan<byte> word, TokenBuffer tokens)
    {
        if (plan.TryGetWhole(word, out int whole, out bool isUnknown))
        {
            tokens.Add(whole, 0, word.Length);
            return;
        }

        if (_ids.Length < word.Length)
        {
            _ids = new int[Math.Max(word.Length, 2 * _ids.Length)];
            _lengths = new int[_ids.Length];
        }

        for (int i = 0; i < word.Length; i++)
            _ids[i] = plan.ByteIds[word[i]];
        _lengths.AsSpan(0, word.Length).Fill(1);
        int count = _engine.Merge(_ids.AsSpan(0, word.Length), _lengths.AsSpan(0, word.Length), word, plan.BytePairs);
        if (isUnknown)
            plan.SetWhole(whole, count == 1);
        int start = 0;
        for (int i = 0; i < count; i++)
        {
            int end = start + _lengths[i];
            (int from, int to) = WholeCharacters(word, start, end);
            tokens.Add(_ids[i], from, to);
            start = end;
        }
    }

    /// <summary>Widens a range to the characters that it touches; words begin and end at characters.</summary>
    private static (int Start, int End) WholeCharacters(ReadOnlySpan<byte> word, int start, int end)
    {
        if (start < word.Length)
            start = Utf8.StartAt(word, start);
        if (end > 0)
        {
            int last = Utf8.StartAt(word, end - 1);
            end = last + Utf8.LengthAt(word, last, word.Length);
        }

        return (start, end);
    }
}
