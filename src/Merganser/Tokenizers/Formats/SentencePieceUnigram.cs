using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

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

    /// <summary>The best paths, best first.</summary>
    public List<List<(int Id, int End)>> NBest(ReadOnlySpan<byte> text, int count)
    {
        if (text.IsEmpty)
            return [[]];
        var lattice = new Lattice();
        lattice.Reset(text.Length);
        for (int start = 0; start < text.Length;)
        {
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
                lattice.Add(start, end, id, Score(id, end - start));
                hasCharacter |= end - start == characterLength;
            }

            if (!hasCharacter)
                lattice.Add(start, start + characterLength, _unkId, _unknownScore);
            start += characterLength;
        }

        List<List<(int Id, int End)>> paths = [];
        foreach (int[] path in lattice.FindNBest(count, out _))
            paths.Add([.. path.Select(node => (lattice.Nodes[node].Id, lattice.Nodes[node].End))]);
        return paths;
    }

    /// <summary>User-defined pieces score so high that they always win.</summary>
    private double Score(int id, int length) => _isUserDefined[id] ? (length * _maxScore) - 0.1 : _scores[id];
}
