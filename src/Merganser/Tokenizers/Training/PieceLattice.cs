namespace Merganser.Tokenizers;

/// <summary>
/// All ways to cut a text into the pieces of a <see cref="PieceList"/>: the best, the second best, and how much each piece is
/// used over all ways (Kudo, "Subword Regularization", arXiv 1804.10959). Belongs to one thread; reused from text to text.
/// </summary>
internal sealed class PieceLattice(PieceList pieces, DoubleArrayTrie trie)
{
    private const double SmallestLog = -600; // probabilities above exp of this are multiplied as they are

    private Node[] _nodes = new Node[256];
    private int _count;
    private int _length;
    private State[] _states = new State[64];
    private double _lowest; // of the log-probability of a way to cut this text

    /// <summary>Finds the pieces in a text, which must not be empty.</summary>
    public void Build(ReadOnlySpan<byte> text)
    {
        _count = 0;
        _length = text.Length;
        _lowest = 0;
        if (_states.Length <= text.Length)
            _states = new State[Math.Max(text.Length + 1, 2 * _states.Length)];
        ReadOnlySpan<double> scores = pieces.Scores;
        int width;
        for (int start = 0; start < text.Length; start += width)
        {
            width = Utf8.LengthAt(text, start, text.Length);
            bool single = false;
            int node = DoubleArrayTrie.Root;
            for (int end = start; end < text.Length;)
            {
                node = trie.Next(node, text[end++]);
                if (node < 0)
                    break;
                int piece = trie.Value(node);
                if (piece < 0 || double.IsNegativeInfinity(scores[piece]))
                    continue;
                Add(start, end, piece, scores[piece]);
                single |= end - start == width;
            }

            if (!single)
                Add(start, start + width, PieceList.Unknown, scores[PieceList.Unknown]);
            _lowest += scores[PieceList.Unknown]; // below every piece
        }
    }

    /// <summary>Writes the pieces of the best way to cut the text, from the last to the first; of equals the longest last piece wins.</summary>
    public void FindBest(List<int> path)
    {
        path.Clear();
        Span<State> states = _states.AsSpan(0, _length + 1);
        states.Fill(new State { First = double.NegativeInfinity });
        states[0].First = 0;
        for (int i = 0; i < _count; i++)
        {
            ref Node node = ref _nodes[i];
            double score = states[node.Start].First + node.Score;
            ref State state = ref states[node.End];
            if (score <= state.First)
                continue;
            state.First = score;
            state.FirstNode = i;
        }

        for (int at = _length; at > 0; at = _nodes[states[at].FirstNode].Start)
            path.Add(_nodes[states[at].FirstNode].Piece);
    }

    /// <summary>Finds the two best ways to cut the text.</summary>
    /// <param name="second">The pieces of the second, from the last to the first; empty when there is one way only.</param>
    /// <returns>The number of pieces of the best.</returns>
    public int FindTwoBest(List<int> second)
    {
        second.Clear();
        Span<State> states = _states.AsSpan(0, _length + 1);
        states.Fill(new State { First = double.NegativeInfinity, Second = double.NegativeInfinity });
        states[0].First = 0;
        for (int i = 0; i < _count; i++)
        {
            ref Node node = ref _nodes[i];
            ref State from = ref states[node.Start];
            ref State to = ref states[node.End];
            Offer(ref to, from.First + node.Score, i, isSecond: false);
            if (!double.IsNegativeInfinity(from.Second))
                Offer(ref to, from.Second + node.Score, i, isSecond: true);
        }

        int length = 0;
        for (int at = _length; at > 0; at = _nodes[states[at].FirstNode].Start)
            length++;
        if (double.IsNegativeInfinity(states[_length].Second))
            return length;
        bool follows = true; // still on second-best ways
        for (int at = _length; at > 0;)
        {
            ref State state = ref states[at];
            int index = follows ? state.SecondNode : state.FirstNode;
            follows &= state.SecondFollowsSecond;
            second.Add(_nodes[index].Piece);
            at = _nodes[index].Start;
        }

        return length;
    }

    /// <summary>Adds the expected number of uses of each piece in the text, times a weight.</summary>
    public void AddExpected(double weight, double[] expected)
    {
        if (_lowest > SmallestLog)
            AddExpectedDirectly(weight, expected);
        else
            AddExpectedInLogs(weight, expected);
    }

    private void AddExpectedDirectly(double weight, double[] expected)
    {
        Span<State> states = _states.AsSpan(0, _length + 1);
        states.Clear();
        states[0].First = 1;
        for (int i = 0; i < _count; i++)
        {
            ref Node node = ref _nodes[i];
            node.Probability = Math.Exp(node.Score);
            states[node.End].First += states[node.Start].First * node.Probability;
        }

        double scale = weight / states[_length].First;
        states[_length].Second = 1;
        for (int i = _count - 1; i >= 0; i--)
        {
            ref Node node = ref _nodes[i];
            double after = node.Probability * states[node.End].Second;
            states[node.Start].Second += after;
            expected[node.Piece] += scale * states[node.Start].First * after;
        }
    }

    private void AddExpectedInLogs(double weight, double[] expected)
    {
        Span<State> states = _states.AsSpan(0, _length + 1);
        states.Fill(new State { First = double.NegativeInfinity, Second = double.NegativeInfinity });
        states[0].First = 0;
        for (int i = 0; i < _count; i++)
        {
            ref Node node = ref _nodes[i];
            states[node.End].First = AddLogs(states[node.End].First, states[node.Start].First + node.Score);
        }

        double all = states[_length].First;
        states[_length].Second = 0;
        for (int i = _count - 1; i >= 0; i--)
        {
            ref Node node = ref _nodes[i];
            double after = node.Score + states[node.End].Second;
            states[node.Start].Second = AddLogs(states[node.Start].Second, after);
            expected[node.Piece] += weight * Math.Exp(states[node.Start].First + after - all);
        }
    }

    private static double AddLogs(double x, double y)
    {
        double high = Math.Max(x, y);
        return double.IsNegativeInfinity(high) ? high : high + Math.Log(1 + Math.Exp(Math.Min(x, y) - high));
    }

    private static void Offer(ref State state, double score, int node, bool isSecond)
    {
        if (score > state.First)
        {
            state.Second = state.First;
            state.SecondNode = state.FirstNode;
            // What was the best way here goes on along best ways.
            state.SecondFollowsSecond = false;
            state.First = score;
            state.FirstNode = node;
        }
        else if (score > state.Second)
        {
            state.Second = score;
            state.SecondNode = node;
            state.SecondFollowsSecond = isSecond;
        }
    }

    private void Add(int start, int end, int piece, double score)
    {
        if (_count == _nodes.Length)
            Array.Resize(ref _nodes, checked(2 * _count));
        _nodes[_count++] = new Node { Start = start, End = end, Piece = piece, Score = score };
    }

    private struct Node
    {
        public double Score;
        public double Probability;
        public int Start;
        public int End;
        public int Piece;
    }

    /// <summary>A position: scores of the best and second-best way there, or sums forward and backward.</summary>
    private struct State
    {
        public double First;
        public double Second;
        public int FirstNode;
        public int SecondNode;
        public bool SecondFollowsSecond;
    }
}
