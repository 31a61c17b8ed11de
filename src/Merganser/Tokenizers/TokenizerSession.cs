using System.Runtime.InteropServices;

namespace Merganser.Tokenizers;

/// <summary>What one call asks of the general road.</summary>
/// <param name="Policy">What is done with special tokens.</param>
/// <param name="Limit">Stop after the pretoken that brings the count to this.</param>
/// <param name="FromEnd">Begin with the last pretoken; tokens still come out in the order of the text.</param>
/// <param name="TracksSpaces">Whether the white space at the ends of tokens is kept.</param>
internal readonly record struct SessionOptions(SpecialTokenPolicy Policy, int Limit = int.MaxValue, bool FromEnd = false, bool TracksSpaces = false);

/// <summary>
/// The buffers and the model's memory of one thread while it encodes. The general road: the steps of the pipeline one after
/// the other, exact for every configuration.
/// </summary>
internal sealed class TokenizerSession
{
    private readonly Tokenizer _tokenizer;
    private readonly TokenizerRuntime _runtime;
    private readonly ModelEncoder _encoder;
    private readonly FusedEncoder? _fused;
    private readonly NormalizedText _text = new();
    private readonly PreTokenizedText _pieces = new();
    private readonly List<TextSegment> _segments = [];
    private readonly List<TextSegment> _innerSegments = [];
    private readonly List<int> _pieceEnds = []; // the number of tokens after each piece, in the order they were encoded
    private readonly List<(int Token, EdgeSpaces Spaces)> _addedSpaces = [];
    private byte[] _utf8 = new byte[1024];

    public TokenizerSession(Tokenizer tokenizer, TokenizerRuntime runtime)
    {
        _tokenizer = tokenizer;
        _runtime = runtime;
        _encoder = tokenizer.Model.CreateEncoder();
        _fused = runtime.FusedPlan?.CreateEncoder();
        Ids = new TokenBuffer();
        Ranges = new TokenBuffer(tracksOffsets: true);
    }

    /// <summary>A buffer for ids alone.</summary>
    public TokenBuffer Ids { get; }

    /// <summary>A buffer for ids and byte ranges.</summary>
    public TokenBuffer Ranges { get; }

    /// <summary>Turns UTF-16 into UTF-8 in the buffer of this session; lone surrogates become U+FFFD.</summary>
    public ReadOnlySpan<byte> Transcode(ReadOnlySpan<char> text)
    {
        int most = checked(text.Length * 3);
        if (_utf8.Length < most)
            _utf8 = new byte[Math.Max(most, (int)Math.Min(Array.MaxLength, 2L * _utf8.Length))];
        System.Text.Unicode.Utf8.FromUtf16(text, _utf8, out _, out int written, replaceInvalidSequences: true);
        return _utf8.AsSpan(0, written);
    }

    /// <summary>Appends the tokens of one sequence, by the fused road if the configuration has one: the same, faster.</summary>
    public void RunFast(ReadOnlySpan<byte> utf8, TokenBuffer tokens, SpecialTokenPolicy policy)
    {
        if (_fused is null)
        {
            Run(utf8, tokens, new SessionOptions(policy));
            return;
        }

        if (_runtime.OriginalMatcher is not { } matcher)
        {
            RunFastNormalized(utf8, 0, tokens, policy);
            return;
        }

        matcher.Split(utf8, policy, _segments);
        foreach (TextSegment segment in _segments)
        {
            if (segment.AddedId >= 0)
                tokens.Add(segment.AddedId, segment.Start, segment.End);
            else
                RunFastNormalized(utf8[segment.Start..segment.End], segment.Start, tokens, policy);
        }
    }

    /// <summary>As <see cref="Run"/>, by the fused road where it can tell the pretokens and nothing is to be cut off.</summary>
    public void RunWithPretokens(ReadOnlySpan<byte> utf8, TokenBuffer tokens, SessionOptions options)
    {
        if (_fused is null or { Pretokens: PretokenTracking.None } || options.Limit < int.MaxValue || _runtime.NormalizedMatcher is not null)
        {
            Run(utf8, tokens, options);
            return;
        }

        _pieceEnds.Clear();
        _addedSpaces.Clear();
        tokens.PretokenEnds = _pieceEnds;
        try
        {
            if (_runtime.OriginalMatcher is not { } matcher)
            {
                RunFused(utf8, 0, tokens);
                return;
            }

            matcher.Split(utf8, options.Policy, _segments);
            foreach (TextSegment segment in _segments)
            {
                ReadOnlySpan<byte> part = utf8[segment.Start..segment.End];
                if (segment.AddedId >= 0)
                    AddToken(segment.AddedId, segment.Start, segment.End, part, tokens, options);
                else
                    RunFused(part, segment.Start, tokens);
            }
        }
        finally
        {
            tokens.PretokenEnds = null;
        }
    }

    private void RunFused(ReadOnlySpan<byte> part, int start, TokenBuffer tokens)
    {
        if (part.IsEmpty)
            return;
        _fused!.Encode(part, start, tokens);
        if (_fused.Pretokens == PretokenTracking.WholePiece)
            _pieceEnds.Add(tokens.Count);
    }

    /// <summary>Appends the tokens of one sequence, step by step.</summary>
    public void Run(ReadOnlySpan<byte> utf8, TokenBuffer tokens, SessionOptions options)
    {
        _pieceEnds.Clear();
        _addedSpaces.Clear();
        int before = tokens.Count;
        if (_runtime.OriginalMatcher is not { } matcher)
        {
            RunPiece(utf8, 0, tokens, before, options);
        }
        else
        {
            matcher.Split(utf8, options.Policy, _segments);
            for (int i = 0; i < _segments.Count; i++)
            {
                TextSegment segment = _segments[options.FromEnd ? _segments.Count - 1 - i : i];
                ReadOnlySpan<byte> part = utf8[segment.Start..segment.End];
                if (segment.AddedId >= 0)
                    AddToken(segment.AddedId, segment.Start, segment.End, part, tokens, options);
                else if (!RunPiece(part, segment.Start, tokens, before, options))
                    break;
            }
        }

        if (options.FromEnd)
            Reverse(tokens, before);
    }

    /// <summary>The encoding of what <see cref="Run"/> left in a buffer with ranges.</summary>
    public Encoding ToEncoding(ReadOnlySpan<byte> utf8, TokenBuffer tokens, int sequence, OffsetUnit unit, SessionOptions options)
    {
        int count = tokens.Count;
        var offsets = new (int Start, int End)[count];
        ReadOnlySpan<int> starts = tokens.Starts;
        ReadOnlySpan<int> ends = tokens.Ends;
        for (int i = 0; i < count; i++)
            offsets[i] = (starts[i], ends[i]);
        OffsetConverter.Convert(utf8, unit, offsets);
        var encoding = new Encoding
        {
            Ids = tokens.Ids.ToArray(),
            TypeIds = new int[count],
            Offsets = offsets,
            WordIds = new int?[count],
            SequenceIds = new int?[count],
            SpecialTokensMask = new int[count],
            AttentionMask = new int[count],
            EdgeSpaces = options.TracksSpaces ? FindEdgeSpaces(tokens.Ids) : null,
        };
        Array.Fill(encoding.TypeIds, sequence);
        Array.Fill(encoding.SequenceIds, sequence);
        Array.Fill(encoding.AttentionMask, 1);
        int token = 0;
        for (int piece = 0; piece < _pieceEnds.Count; piece++)
        {
            for (; token < _pieceEnds[piece]; token++)
                encoding.WordIds[token] = piece;
        }

        return encoding;
    }

    /// <summary>The fused road for a part without added tokens of the original text; it is taken only where normalising does not move others.</summary>
    private void RunFastNormalized(ReadOnlySpan<byte> part, int start, TokenBuffer tokens, SpecialTokenPolicy policy)
    {
        if (_runtime.NormalizedMatcher is not { } matcher)
        {
            _fused!.Encode(part, start, tokens);
            return;
        }

        matcher.Split(part, policy, _innerSegments);
        foreach (TextSegment segment in _innerSegments)
        {
            if (segment.AddedId >= 0)
                tokens.Add(segment.AddedId, start + segment.Start, start + segment.End);
            else
                _fused!.Encode(part[segment.Start..segment.End], start + segment.Start, tokens);
        }
    }

    /// <summary>Normalises, cuts and encodes a part of the text that holds no added token of the original text.</summary>
    /// <returns>False when the limit is reached.</returns>
    private bool RunPiece(ReadOnlySpan<byte> part, int originalStart, TokenBuffer tokens, int before, SessionOptions options)
    {
        if (part.IsEmpty)
            return true;
        _text.Reset(part, originalStart, tokens.TracksOffsets || _runtime.NeedsOriginalPositions);
        _tokenizer.Normalizer?.Normalize(_text);
        if (_runtime.NormalizedMatcher is not { } matcher)
            return RunNormalized(0, _text.Length, tokens, before, options);
        matcher.Split(_text.Bytes, options.Policy, _innerSegments);
        for (int i = 0; i < _innerSegments.Count; i++)
        {
            TextSegment segment = _innerSegments[options.FromEnd ? _innerSegments.Count - 1 - i : i];
            if (segment.AddedId < 0)
            {
                if (!RunNormalized(segment.Start, segment.End, tokens, before, options))
                    return false;
                continue;
            }

            (int start, int end) = tokens.TracksOffsets ? _text.OriginalRange(segment.Start, segment.End) : default;
            AddToken(segment.AddedId, start, end, _text.Bytes[segment.Start..segment.End], tokens, options);
        }

        return true;
    }

    private bool RunNormalized(int from, int to, TokenBuffer tokens, int before, SessionOptions options)
    {
        if (from >= to)
            return true;
        _pieces.Reset(_text, from, to);
        _tokenizer.PreTokenizer?.PreTokenize(_pieces);
        for (int i = 0; i < _pieces.Count; i++)
        {
            int piece = options.FromEnd ? _pieces.Count - 1 - i : i;
            int first = tokens.Count;
            _encoder.Encode(_pieces.Piece(piece), tokens);
            Span<int> starts = tokens.MutableStarts;
            Span<int> ends = tokens.MutableEnds;
            for (int token = first; token < starts.Length; token++)
                (starts[token], ends[token]) = _pieces.OriginalRange(piece, starts[token], ends[token]);
            _pieceEnds.Add(tokens.Count);
            if (tokens.Count - before >= options.Limit)
                return false;
        }

        return true;
    }

    private void AddToken(int id, int start, int end, ReadOnlySpan<byte> text, TokenBuffer tokens, SessionOptions options)
    {
        if (options.TracksSpaces)
            _addedSpaces.Add((tokens.Count, TokenizerRuntime.CountEdgeSpaces(text)));
        tokens.Add(id, start, end);
        _pieceEnds.Add(tokens.Count);
    }

    /// <summary>Turns pieces that were encoded last first into the order of the text.</summary>
    private void Reverse(TokenBuffer tokens, int before)
    {
        Span<int> ends = CollectionsMarshal.AsSpan(_pieceEnds);
        int count = tokens.Count;
        ReverseColumn(tokens.MutableIds, before, ends);
        ReverseColumn(tokens.MutableStarts, before, ends);
        ReverseColumn(tokens.MutableEnds, before, ends);
        // The pieces' new ends, from what they were.
        int last = before;
        for (int i = 0; i < ends.Length; i++)
        {
            int length = ends[i] - last;
            last = ends[i];
            ends[i] = length;
        }

        ends.Reverse();
        for (int i = 0, end = before; i < ends.Length; i++)
            ends[i] = end += ends[i];
        Span<(int Token, EdgeSpaces Spaces)> added = CollectionsMarshal.AsSpan(_addedSpaces);
        foreach (ref (int Token, EdgeSpaces Spaces) entry in added)
            entry.Token = before + count - 1 - entry.Token; // an added token is a piece of one token
    }

    private static void ReverseColumn(Span<int> values, int before, ReadOnlySpan<int> ends)
    {
        if (values.IsEmpty)
            return;
        // Each piece backwards, then everything: the pieces change places, the tokens inside stay in order.
        int start = before;
        foreach (int end in ends)
        {
            values[start..end].Reverse();
            start = end;
        }

        values[before..].Reverse();
    }

    private EdgeSpaces[] FindEdgeSpaces(ReadOnlySpan<int> ids)
    {
        EdgeSpaces[] known = _runtime.EdgeSpaces;
        var spaces = new EdgeSpaces[ids.Length];
        for (int i = 0; i < ids.Length; i++)
            spaces[i] = (uint)ids[i] < (uint)known.Length ? known[ids[i]] : default;
        foreach ((int token, EdgeSpaces found) in _addedSpaces)
            spaces[token] = found;
        return spaces;
    }
}
