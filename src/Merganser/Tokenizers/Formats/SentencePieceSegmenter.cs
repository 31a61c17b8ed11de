namespace Merganser.Tokenizers;

/// <summary>Cuts normalised text into the pieces of a SentencePiece model.</summary>
internal abstract class SentencePieceSegmenter
{
    /// <summary>The pieces in order: id and end in bytes; unknown characters one by one.</summary>
    public abstract IReadOnlyList<(int Id, int End)> Segment(ReadOnlySpan<byte> text);
}

/// <summary>The best path by the sum of scores, in single precision as the original keeps it.</summary>
internal sealed class SentencePieceUnigram : SentencePieceSegmenter
{
    private const float UnknownPenalty = 10;

    private readonly DoubleArrayTrie _trie;
    private readonly float[] _scores;
    private readonly bool[] _isUserDefined;
    private readonly int _unkId;
    private readonly float _unknownScore;
    private readonly float _maxScore;

    public SentencePieceUnigram(SentencePieceFile file, int unkId)
    {
        var builder = new DoubleArrayTrie.Builder();
        _scores = new float[file.Pieces.Count];
        _isUserDefined = new bool[file.Pieces.Count];
        _unkId = unkId;
        float min = float.MaxValue;
        float max = float.MinValue;
        for (int id = 0; id < file.Pieces.Count; id++)
        {
            SentencePieceEntry piece = file.Pieces[id];
            _scores[id] = piece.Score;
            if (piece.Kind is PieceKind.Normal or PieceKind.UserDefined)
                builder.Add(piece.Piece, id);
            _isUserDefined[id] = piece.Kind == PieceKind.UserDefined;
            if (piece.Kind == PieceKind.Normal)
            {
                min = Math.Min(min, piece.Score);
                max = Math.Max(max, piece.Score);
            }
        }

        _trie = builder.Build();
        _unknownScore = (min <= max ? min : 0) - UnknownPenalty;
        _maxScore = min <= max ? max : 0;
    }

    public override IReadOnlyList<(int Id, int End)> Segment(ReadOnlySpan<byte> text)
    {
        // For each end the best path to it: its score, where its last piece starts, and that piece.
        var scores = new float[text.Length + 1];
        var starts = new int[text.Length + 1];
        var ids = new int[text.Length + 1];
        Array.Fill(starts, -1);
        for (int start = 0; start < text.Length;)
        {
            float soFar = scores[start];
            int characterLength = Utf8.LengthAt(text, start, text.Length);
            bool hasCharacter = false;
            int node = DoubleArrayTrie.Root;
            for (int end = start + 1; end <= text.Length; end++)
            {
                node = _trie.Next(node, text[end - 1]);
                if (node < 0)
                    break;
                int id = _trie.Value(node);
                if (id < 0)
                    continue;
                double score = Score(id, end - start) + soFar;
                if (starts[end] < 0 || score > scores[end])
                    (scores[end], starts[end], ids[end]) = ((float)score, start, id);
                hasCharacter |= end - start == characterLength;
            }

            if (!hasCharacter)
            {
                int end = start + characterLength;
                float score = _unknownScore + soFar;
                if (starts[end] < 0 || score > scores[end])
                    (scores[end], starts[end], ids[end]) = (score, start, _unkId);
            }

            start += characterLength;
        }

        List<(int Id, int End)> path = [];
        for (int end = text.Length; end > 0; end = starts[end])
            path.Add((ids[end], end));
        path.Reverse();
        return path;
    }

    /// <summary>The best paths, best first: each end keeps its best partial paths.</summary>
    public List<List<(int Id, int End)>> NBest(ReadOnlySpan<byte> text, int count)
    {
        var best = new List<(double Score, int Start, int Rank, int Id)>[text.Length + 1];
        best[0] = [(0, -1, 0, -1)];
        for (int start = 0; start < text.Length;)
        {
            int characterLength = Utf8.LengthAt(text, start, text.Length);
            if (best[start] is { } here)
            {
                // Nothing is added to a position once the walk has come to it: now only the best stay.
                here.Sort((a, b) => b.Score.CompareTo(a.Score));
                if (here.Count > count)
                    here.RemoveRange(count, here.Count - count);
                bool hasCharacter = false;
                int node = DoubleArrayTrie.Root;
                for (int end = start + 1; end <= text.Length; end++)
                {
                    node = _trie.Next(node, text[end - 1]);
                    if (node < 0)
                        break;
                    int id = _trie.Value(node);
                    if (id < 0)
                        continue;
                    Extend(best, here, start, end, id, Score(id, end - start));
                    hasCharacter |= end - start == characterLength;
                }

                if (!hasCharacter)
                    Extend(best, here, start, start + characterLength, _unkId, _unknownScore);
            }

            start += characterLength;
        }

        List<List<(int Id, int End)>> paths = [];
        List<(double Score, int Start, int Rank, int Id)> last = best[text.Length] ?? [];
        last.Sort((a, b) => b.Score.CompareTo(a.Score));
        for (int rank = 0; rank < Math.Min(count, last.Count); rank++)
        {
            List<(int Id, int End)> path = [];
            (double _, int start, int at, int id) = last[rank];
            for (int end = text.Length; end > 0;)
            {
                path.Add((id, end));
                end = start;
                (_, start, at, id) = best[end][at];
            }

            path.Reverse();
            paths.Add(path);
        }

        return paths;
    }

    private static void Extend(List<(double Score, int Start, int Rank, int Id)>[] best, List<(double Score, int Start, int Rank, int Id)> here, int start, int end, int id, double score)
    {
        List<(double Score, int Start, int Rank, int Id)> there = best[end] ??= [];
        for (int rank = 0; rank < here.Count; rank++)
            there.Add((here[rank].Score + score, start, rank, id));
    }

    /// <summary>User-defined pieces score so high that they always win.</summary>
    private double Score(int id, int length) => _isUserDefined[id] ? (length * _maxScore) - 0.1 : _scores[id];
}

/// <summary>
/// The adjacent parts whose joint piece has the best score are joined first, leftmost on a tie; unused pieces that came out
/// are taken apart again.
/// </summary>
internal sealed class SentencePieceBpe(SentencePieceFile file, int unkId, Vocabulary vocabulary, DoubleArrayTrie? userDefined) : SentencePieceSegmenter
{
    public override IReadOnlyList<(int Id, int End)> Segment(ReadOnlySpan<byte> text)
    {
        // Parts by number; a part that was joined to the one before has length 0.
        List<int> starts = [];
        List<int> lengths = [];
        List<bool> isFixed = [];
        for (int at = 0; at < text.Length;)
        {
            int length = userDefined?.LongestMatch(text[at..], out _) ?? 0;
            isFixed.Add(length > 0);
            if (length == 0)
                length = Utf8.LengthAt(text, at, text.Length);
            starts.Add(at);
            lengths.Add(length);
            at += length;
        }

        int count = starts.Count;
        var next = new int[count];
        var previous = new int[count];
        for (int i = 0; i < count; i++)
            (previous[i], next[i]) = (i - 1, i + 1 < count ? i + 1 : -1);
        var queue = new PriorityQueue<(int Left, int Right, int Length), (float Score, int Left)>(
            Comparer<(float Score, int Left)>.Create((a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Left.CompareTo(b.Left)));
        Dictionary<int, int> unusedCuts = []; // of unused pieces: the length of their left part
        for (int i = 1; i < count; i++)
            Offer(text, i - 1, i);
        while (queue.TryDequeue(out (int Left, int Right, int Length) pair, out _))
        {
            (int left, int right, int length) = pair;
            if (lengths[left] == 0 || lengths[right] == 0 || lengths[left] + lengths[right] != length)
                continue;
            lengths[left] = length;
            lengths[right] = 0;
            next[left] = next[right];
            if (next[right] >= 0)
                previous[next[right]] = left;
            if (previous[left] >= 0)
                Offer(text, previous[left], left);
            if (next[left] >= 0)
                Offer(text, left, next[left]);
        }

        List<(int Id, int End)> path = [];
        Stack<(int Start, int Length)> open = [];
        for (int i = 0; i >= 0 && i < count; i = next[i])
        {
            open.Push((starts[i], lengths[i]));
            while (open.TryPop(out (int Start, int Length) part))
            {
                int id = Find(text.Slice(part.Start, part.Length));
                if (id != unkId && file.Pieces[id].Kind == PieceKind.Unused && unusedCuts.TryGetValue(id, out int cut))
                {
                    open.Push((part.Start + cut, part.Length - cut));
                    open.Push((part.Start, cut));
                    continue;
                }

                path.Add((id, part.Start + part.Length));
            }
        }

        return path;

        void Offer(ReadOnlySpan<byte> all, int left, int right)
        {
            if (isFixed[left] || isFixed[right])
                return;
            int length = lengths[left] + lengths[right];
            if (!vocabulary.TryGetId(all.Slice(starts[left], length), out int id) || file.Pieces[id].Kind is not (PieceKind.Normal or PieceKind.UserDefined or PieceKind.Unused))
                return;
            queue.Enqueue((left, right, length), (file.Pieces[id].Score, left));
            if (file.Pieces[id].Kind == PieceKind.Unused)
                unusedCuts[id] = lengths[left];
        }
    }

    private int Find(ReadOnlySpan<byte> piece) => vocabulary.TryGetId(piece, out int id) ? id : unkId;
}
