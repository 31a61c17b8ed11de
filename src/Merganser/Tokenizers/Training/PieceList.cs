using System.Buffers;

namespace Merganser.Tokenizers;

/// <summary>The pieces of a unigram model in training with their scores. Piece 0 is the unknown one, without text.</summary>
internal sealed class PieceList
{
    /// <summary>The piece that stands for a character that no other piece covers.</summary>
    public const int Unknown = 0;

    /// <summary>What an unknown character scores below the worst piece.</summary>
    private const double UnknownPenalty = 10;

    private readonly ArrayBufferWriter<byte> _blob = new(1 << 16);
    private readonly List<int> _ends = [];
    private double[] _scores = new double[1024];

    public PieceList() => Add([], double.NegativeInfinity);

    /// <summary>The number of pieces, dropped ones included.</summary>
    public int Count => _ends.Count;

    /// <summary>The number of pieces that are not dropped, the unknown one included.</summary>
    public int LiveCount { get; private set; }

    /// <summary>Log-probabilities; negative infinity: dropped.</summary>
    public ReadOnlySpan<double> Scores => _scores.AsSpan(0, Count);

    public ReadOnlySpan<byte> this[int piece] => piece == 0 ? [] : _blob.WrittenSpan[_ends[piece - 1].._ends[piece]];

    public bool IsLive(int piece) => piece == Unknown || !double.IsNegativeInfinity(_scores[piece]);

    public void Add(ReadOnlySpan<byte> piece, double score)
    {
        if (Count == _scores.Length)
            Array.Resize(ref _scores, checked(2 * Count));
        _scores[Count] = score;
        _blob.Write(piece);
        _ends.Add(_blob.WrittenCount);
        LiveCount++;
    }

    public void SetScore(int piece, double score) => _scores[piece] = score;

    public void Drop(int piece)
    {
        _scores[piece] = double.NegativeInfinity;
        LiveCount--;
    }

    /// <summary>The lowest score of a live piece.</summary>
    public double LowestScore()
    {
        double lowest = double.PositiveInfinity;
        for (int piece = 1; piece < Count; piece++)
        {
            if (IsLive(piece))
                lowest = Math.Min(lowest, _scores[piece]);
        }

        return lowest;
    }

    /// <summary>Gives the unknown piece its score below all others.</summary>
    public void UpdateUnknown()
    {
        double lowest = LowestScore();
        _scores[Unknown] = (double.IsFinite(lowest) ? lowest : 0) - UnknownPenalty;
    }

    /// <summary>The pieces as a trie.</summary>
    public DoubleArrayTrie CreateTrie()
    {
        var builder = new DoubleArrayTrie.Builder();
        for (int piece = 1; piece < Count; piece++)
        {
            if (IsLive(piece))
                builder.Add(this[piece], piece);
        }

        return builder.Build();
    }
}
