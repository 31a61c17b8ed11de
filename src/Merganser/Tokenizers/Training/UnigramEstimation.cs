namespace Merganser.Tokenizers;

/// <summary>
/// Expectation maximisation and pruning of a unigram model in training. Work is cut into parts that do not depend on the
/// number of threads, and their sums are added in order, so that the result does not either.
/// </summary>
internal sealed class UnigramEstimation
{
    private const int Parts = 16;
    private const double LeastExpected = 0.5;

    private readonly WordCounts _words;
    private readonly TrainingRun _run;
    private readonly int[] _bounds = new int[Parts + 1]; // of the words of each part
    private DoubleArrayTrie _trie;

    public UnigramEstimation(WordCounts words, PieceList pieces, TrainingRun run)
    {
        _words = words;
        _run = run;
        Pieces = pieces;
        pieces.UpdateUnknown();
        _trie = pieces.CreateTrie();
        long done = 0;
        int part = 0;
        for (int rank = 0; rank < words.Count; rank++)
        {
            done += words[rank].Length;
            while (part < Parts && done >= (part + 1L) * words.ByteCount / Parts)
                _bounds[++part] = rank + 1;
        }
    }

    /// <summary>The pieces now.</summary>
    public PieceList Pieces { get; private set; }

    /// <summary>
    /// One step: expected uses c of each piece, pieces used less than half a time dropped, and the score of the others
    /// ψ(c) − ψ(Σc), the expected log-probability under a Dirichlet posterior with a flat prior of weight 0.
    /// </summary>
    public void Step()
    {
        double[] expected = SumOverWords((lattice, weight, sums, _) => lattice.AddExpectedCounts(sums, weight));
        double sum = 0;
        for (int piece = 1; piece < Pieces.Count; piece++)
        {
            if (Pieces.IsLive(piece) && expected[piece] >= LeastExpected)
                sum += expected[piece];
        }

        double logSum = Digamma(sum);
        for (int piece = 1; piece < Pieces.Count; piece++)
        {
            if (!Pieces.IsLive(piece))
                continue;
            if (expected[piece] >= LeastExpected)
                Pieces.SetScore(piece, Digamma(expected[piece]) - logSum);
            else
                Pieces.Drop(piece);
        }

        Pieces.UpdateUnknown();
    }

    /// <summary>
    /// Keeps the pieces whose loss would cost most. Without a piece its uses f go to the second-best way to cut its text, so
    /// that the log-likelihood of a use changes from log(f/S) to the sum of log((f' + f)/(S + f (V − 1))) over the pieces of that
    /// way, where S is the sum of all uses and V, as in the reference, the number of all pieces.
    /// </summary>
    /// <param name="size">The number of pieces to keep, the unknown one included.</param>
    /// <returns>False when nothing could be dropped.</returns>
    public bool Prune(int size)
    {
        int before = Pieces.LiveCount;
        int[]?[] alternatives = FindAlternatives(out bool[] isExpendable);
        double[] uses = SumOverWords((lattice, weight, sums, path) =>
        {
            lattice.FindBest(path);
            foreach (int node in path)
                sums[lattice.Nodes[node].Id] += weight;
        });
        double sum = 0;
        foreach (double use in uses)
            sum += use;
        double logSum = Math.Log(sum);
        var kept = new PieceList();
        var candidates = new List<(double Loss, int Piece)>();
        for (int piece = 1; piece < Pieces.Count; piece++)
        {
            double f = uses[piece];
            if (!Pieces.IsLive(piece) || (f == 0 && (isExpendable[piece] || alternatives[piece] is not null)))
                continue;
            if (alternatives[piece] is not { } parts)
            {
                kept.Add(Pieces[piece], Pieces.Scores[piece]);
                continue;
            }

            double logAlternatives = 0;
            double logSumWithout = Math.Log(sum + (f * (before - 1)));
            foreach (int part in parts)
                logAlternatives += Math.Log(uses[part] + f) - logSumWithout;
            candidates.Add((f / _words.TotalCount * (Math.Log(f) - logSum - logAlternatives), piece));
        }

        // Of equal losses the piece that stands first in the list.
        candidates.Sort((x, y) => x.Loss != y.Loss ? y.Loss.CompareTo(x.Loss) : x.Piece.CompareTo(y.Piece));
        foreach ((double _, int piece) in candidates)
        {
            if (kept.Count >= size)
                break;
            kept.Add(Pieces[piece], Pieces.Scores[piece]);
        }

        kept.UpdateUnknown();
        Pieces = kept;
        _trie = kept.CreateTrie();
        return kept.Count < before;
    }

    /// <summary>The logarithmic derivative of the gamma function: shifted up to 7, then an asymptotic series.</summary>
    internal static double Digamma(double x)
    {
        double result = 0;
        for (; x < 7; x++)
            result -= 1 / x;
        x -= 0.5;
        double inverse = 1 / (x * x);
        double series = inverse * ((1.0 / 24) - (inverse * ((7.0 / 960) - (inverse * ((31.0 / 8064) - (inverse * 127.0 / 30720))))));
        return result + Math.Log(x) + series;
    }

    /// <summary>
    /// For each piece whose best cut is itself, the second-best way to cut its text. Pieces whose best cut is another need not
    /// be kept for their own sake.
    /// </summary>
    private int[]?[] FindAlternatives(out bool[] isExpendable)
    {
        int[]?[] alternatives = new int[]?[Pieces.Count];
        bool[] expendable = new bool[Pieces.Count];
        int count = Pieces.Count;
        _run.For(Parts, part =>
        {
            var lattice = new Lattice();
            var second = new List<int>();
            int end = (int)((part + 1L) * count / Parts);
            for (int piece = Math.Max(1, (int)((long)part * count / Parts)); piece < end; piece++)
            {
                if (!Pieces.IsLive(piece))
                    continue;
                Build(lattice, Pieces[piece]);
                int length = lattice.FindTwoBest(second);
                if (second.Count == 0)
                    continue;
                if (length == 1)
                    alternatives[piece] = [.. second.Select(node => lattice.Nodes[node].Id)];
                else
                    expendable[piece] = true;
            }
        });
        isExpendable = expendable;
        return alternatives;
    }

    private void Build(Lattice lattice, ReadOnlySpan<byte> text) =>
        lattice.Build(text, _trie, Pieces.Scores, PieceList.Unknown, Pieces.Scores[PieceList.Unknown]);

    /// <summary>Lets every word add to a sum per piece.</summary>
    private double[] SumOverWords(Action<Lattice, double, double[], List<int>> add)
    {
        double[] sums = new double[Pieces.Count];
        // A few parts at a time: as many tables of sums as threads.
        double[][] partial = new double[Math.Min(_run.Threads, Parts)][];
        for (int first = 0; first < Parts; first += partial.Length)
        {
            int parts = Math.Min(partial.Length, Parts - first);
            int wave = first;
            _run.For(parts, offset =>
            {
                double[] own = partial[offset] ??= new double[sums.Length];
                Array.Clear(own);
                var lattice = new Lattice();
                var path = new List<int>();
                for (int rank = _bounds[wave + offset]; rank < _bounds[wave + offset + 1]; rank++)
                {
                    if (rank % 1024 == 0)
                        _run.Cancellation.ThrowIfCancellationRequested();
                    Build(lattice, _words[rank]);
                    add(lattice, _words.CountOf(rank), own, path);
                }
            });
            for (int offset = 0; offset < parts; offset++)
                System.Numerics.Tensors.TensorPrimitives.Add(sums, partial[offset], sums);
        }

        return sums;
    }
}
