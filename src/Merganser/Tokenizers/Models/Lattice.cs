namespace Merganser.Tokenizers;

/// <summary>
/// All ways to cut a text into pieces, as nodes (begin, end, id, score) between byte positions: Viterbi, exact n-best paths and
/// expected counts. Nodes are added by rising begin. Reused from text to text.
/// </summary>
internal sealed class Lattice
{
    private readonly List<Node> _nodes = [];
    private readonly List<int> _order = []; // nodes by end, then in the order they were added
    private int[] _firstByEnd = [];
    private double[] _forward = [];
    private double[] _backward = [];
    private int _length;

    /// <summary>The nodes in the order they were added.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>Starts on a text of so many bytes.</summary>
    public void Reset(int length)
    {
        _length = length;
        _nodes.Clear();
        _order.Clear();
    }

    /// <summary>Adds a piece. Begins must not fall.</summary>
    /// <exception cref="ArgumentException">An empty piece, one outside the text, or one that begins before the last.</exception>
    public void Add(int begin, int end, int id, double score)
    {
        if (begin < 0 || end <= begin || end > _length || (_nodes.Count > 0 && begin < _nodes[^1].Begin))
            throw new ArgumentException($"a piece from {begin} to {end} does not fit");
        _nodes.Add(new Node(begin, end, id, score));
    }

    /// <summary>Adds all pieces of a trie that occur in a text and, where no piece is one character, an unknown node of one.</summary>
    public void AddPieces(ReadOnlySpan<byte> text, DoubleArrayTrie trie, ReadOnlySpan<double> scores, int unknownId, double unknownScore)
    {
        Reset(text.Length);
        int width;
        for (int begin = 0; begin < text.Length; begin += width)
        {
            width = Utf8.LengthAt(text, begin, text.Length);
            bool single = false;
            int node = DoubleArrayTrie.Root;
            for (int end = begin; end < text.Length;)
            {
                node = trie.Next(node, text[end++]);
                if (node < 0)
                    break;
                int id = trie.Value(node);
                if (id < 0)
                    continue;
                Add(begin, end, id, scores[id]);
                single |= end - begin == width;
            }

            if (!single)
                Add(begin, begin + width, unknownId, unknownScore);
        }
    }

    /// <summary>The best path as node numbers; empty when no path covers the text. On a tie the node added first wins.</summary>
    public int[] Viterbi()
    {
        var score = new double[_length + 1];
        var last = new int[_length + 1]; // the node that ends the best way to a position
        Array.Fill(score, double.NegativeInfinity);
        Array.Fill(last, -1);
        score[0] = 0;
        for (int i = 0; i < _nodes.Count; i++)
        {
            Node node = _nodes[i];
            double through = score[node.Begin] + node.Score;
            if (through > score[node.End])
            {
                score[node.End] = through;
                last[node.End] = i;
            }
        }

        var path = new List<int>();
        int at = _length;
        for (; at > 0 && last[at] >= 0; at = _nodes[last[at]].Begin)
            path.Add(last[at]);
        path.Reverse();
        return at == 0 ? [.. path] : [];
    }

    /// <summary>The best paths by score, exactly, best first; fewer when there are not so many. Equal scores come in a fixed order.</summary>
    /// <param name="count">How many.</param>
    /// <param name="scores">The score of each.</param>
    public int[][] NBest(int count, out double[] scores)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ScoreForward(isMaximum: true);
        var paths = new List<int[]>();
        var found = new List<double>();
        // A* from the end: the best way from the start to a node is known exactly, so paths come out in order of their score.
        var agenda = new PriorityQueue<Hypothesis, (double Score, long Order)>();
        long order = 0;
        Expand(null, _length, 0);
        while (paths.Count < count && agenda.TryDequeue(out Hypothesis? top, out _))
        {
            int begin = _nodes[top.Node].Begin;
            if (begin > 0)
            {
                Expand(top, begin, top.Behind);
                continue;
            }

            var path = new List<int>();
            for (Hypothesis? step = top; step is not null; step = step.Next)
                path.Add(step.Node);
            paths.Add([.. path]);
            found.Add(top.Behind);
        }

        scores = [.. found];
        return [.. paths];

        void Expand(Hypothesis? next, int end, double behind)
        {
            for (int i = _firstByEnd[end]; i < _firstByEnd[end + 1]; i++)
            {
                Node node = _nodes[_order[i]];
                if (double.IsNegativeInfinity(_forward[node.Begin]))
                    continue; // nothing leads there
                double through = behind + node.Score;
                agenda.Enqueue(new Hypothesis(_order[i], through, next), (-(through + _forward[node.Begin]), order++));
            }
        }
    }

    /// <summary>Adds to each id's count how often it is expected in the text: the probability of its nodes.</summary>
    /// <param name="expected">By id; ids outside are left out.</param>
    /// <param name="weight">What the text counts.</param>
    /// <returns>The logarithm of the sum of all paths' probabilities, not weighted; negative infinity when no path covers the text.</returns>
    public double AddExpectedCounts(Span<double> expected, double weight = 1)
    {
        ScoreForward(isMaximum: false);
        double total = _forward[_length];
        if (double.IsNegativeInfinity(total))
            return total;
        Array.Fill(_backward, double.NegativeInfinity, 0, _length + 1);
        _backward[_length] = 0;
        for (int i = _nodes.Count - 1; i >= 0; i--)
        {
            Node node = _nodes[i];
            _backward[node.Begin] = LogAdd(_backward[node.Begin], _backward[node.End] + node.Score);
        }

        foreach (Node node in _nodes)
        {
            if ((uint)node.Id < (uint)expected.Length)
                expected[node.Id] += weight * Math.Exp(_forward[node.Begin] + node.Score + _backward[node.End] - total);
        }

        return total;
    }

    /// <summary>For each position the best (or summed) score of the ways from the start; fills the lists of nodes by end.</summary>
    private void ScoreForward(bool isMaximum)
    {
        if (_forward.Length <= _length + 1)
        {
            _forward = new double[_length + 2];
            _backward = new double[_length + 2];
            _firstByEnd = new int[_length + 2];
        }

        SortByEnd();
        Array.Fill(_forward, double.NegativeInfinity, 0, _length + 1);
        _forward[0] = 0;
        // Nodes come by rising begin and are not empty, so a position is finished before a node begins there.
        foreach (Node node in _nodes)
        {
            double score = _forward[node.Begin] + node.Score;
            _forward[node.End] = isMaximum ? Math.Max(_forward[node.End], score) : LogAdd(_forward[node.End], score);
        }
    }

    private void SortByEnd()
    {
        Array.Clear(_firstByEnd, 0, _length + 2);
        foreach (Node node in _nodes)
            _firstByEnd[node.End + 1 <= _length ? node.End + 1 : _length + 1]++;
        for (int end = 1; end <= _length + 1; end++)
            _firstByEnd[end] += _firstByEnd[end - 1];
        int[] at = _firstByEnd.AsSpan(0, _length + 2).ToArray();
        int[] order = new int[_nodes.Count];
        for (int i = 0; i < order.Length; i++)
            order[at[_nodes[i].End]++] = i;
        _order.Clear();
        _order.AddRange(order);
    }

    private static double LogAdd(double a, double b)
    {
        double high = Math.Max(a, b);
        return double.IsNegativeInfinity(high) ? high : high + Math.Log(1 + Math.Exp(Math.Min(a, b) - high));
    }

    /// <summary>A piece between two byte positions.</summary>
    internal readonly record struct Node(int Begin, int End, int Id, double Score);

    private sealed record Hypothesis(int Node, double Behind, Hypothesis? Next);
}
