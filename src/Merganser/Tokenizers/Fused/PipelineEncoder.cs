namespace Merganser.Tokenizers;

/// <summary>Encodes with a <see cref="PipelinePlan"/>: words that are not remembered take the ordinary steps.</summary>
internal sealed class PipelineEncoder(PipelinePlan plan) : FusedEncoder
{
    private const int Extend = 4; // grapheme cluster breaks
    private const int Joiner = 5;
    private const int Prepend = 7;
    private const int SpacingMark = 8;

    private readonly ModelEncoder _model = plan.Model.CreateEncoder();
    private readonly NormalizedText _normalized = new();
    private readonly PreTokenizedText _pieces = new();
    private readonly int[] _ends = new int[1024];

    public override PretokenTracking Pretokens => plan.Pretokens;

    public override void Encode(ReadOnlySpan<byte> text, int textStart, TokenBuffer tokens)
    {
        if (text.IsEmpty)
            return;
        // A character that the normalizer drops at the very start moves the ranges of all that follow, as in the reference.
        bool startsOddly = tokens.TracksOffsets && text[0] is < 0x20 or >= 0x7F;
        if (plan.MindsClusters && (startsOddly || HasMarkBesideSeparator(text)))
        {
            Run(text, textStart, plan.Normalizer, tokens);
            return;
        }

        int start = 0;
        if (plan.IsFirstSpecial)
        {
            plan.Cuts.Next(text, 0, _ends.AsSpan(0, 1));
            start = _ends[0];
            Run(text[..start], textStart, plan.Normalizer, tokens);
        }

        while (start < text.Length)
        {
            int count = plan.Cuts.Next(text, start, _ends);
            AppendWords(text, start, _ends.AsSpan(0, count), textStart, tokens);
            start += _ends[count - 1];
        }
    }

    protected override void EncodeWord(ReadOnlySpan<byte> word, TokenBuffer tokens) => Run(word, 0, plan.InnerNormalizer, tokens);

    private void Run(ReadOnlySpan<byte> text, int textStart, Normalizer? normalizer, TokenBuffer tokens)
    {
        _normalized.Reset(text, textStart, tokens.TracksOffsets);
        normalizer?.Normalize(_normalized);
        if (_normalized.Length == 0)
            return;
        _pieces.Reset(_normalized);
        plan.PreTokenizer?.PreTokenize(_pieces);
        for (int piece = 0; piece < _pieces.Count; piece++)
        {
            int first = tokens.Count;
            _model.Encode(_pieces.Piece(piece), tokens);
            Span<int> starts = tokens.MutableStarts;
            Span<int> ends = tokens.MutableEnds;
            for (int token = first; token < starts.Length; token++)
                (starts[token], ends[token]) = _pieces.OriginalRange(piece, starts[token], ends[token]);
            if (plan.Pretokens == PretokenTracking.InsideWords)
                tokens.PretokenEnds?.Add(tokens.Count);
        }
    }

    /// <summary>Whether a character that is not ASCII and may form a cluster stands right beside ASCII white space.</summary>
    private static bool HasMarkBesideSeparator(ReadOnlySpan<byte> text)
    {
        if (System.Text.Ascii.IsValid(text))
            return false;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] > ' ')
                continue;
            if (i + 1 < text.Length && text[i + 1] >= 0x80 && IsJoining(Utf8.Decode(text, i + 1, out _)))
                return true;
            if (i > 0 && text[i - 1] >= 0x80 && IsJoining(Utf8.DecodeBackward(text, i, out _)))
                return true;
        }

        return false;
    }

    /// <summary>Marks, joiners and everything else with a grapheme cluster break of its own.</summary>
    private static bool IsJoining(int codePoint) => UnicodeTable.IsMark(codePoint) || (UnicodeTable.GraphemeBreak(codePoint) & 15) is Extend or Joiner or Prepend or SpacingMark;
}
