namespace Merganser.Tokenizers;

/// <summary>
/// All ways to cut a text into pieces (Kudo, "Subword Regularization", arXiv 1804.10959), as nodes between byte positions: the
/// best way, the second best, the n best, and how often each piece is expected over all ways. Nodes are added by rising begin.
/// Belongs to one thread; reused from text to text.
/// </summary>
internal sealed partial class Lattice
{
    private Node[] _nodes = new Node[256];
    private int _count;
    private int _length;
    private State[] _states = new State[64];
    private double _lowest; // below the log-probability of every way to cut this text
    private double _highest; // above it

    /// <summary>The nodes in the order they were added.</summary>
    public ReadOnlySpan<Node> Nodes => _nodes.AsSpan(0, _count);

    /// <summary>Starts on a text of so many bytes.</summary>
    public void Reset(int length)
    {
        _length = length;
        _count = 0;
        _lowest = 0;
        _highest = 0;
        if (_states.Length <= length)
            _states = new State[Math.Max(length + 1, 2 * _states.Length)];
    }

    /// <summary>Adds a piece. Begins must not fall.</summary>
    /// <exception cref="ArgumentException">An empty piece, one outside the text, or one that begins before the last.</exception>
    public void Add(int begin, int end, int id, double score)
    {
        if (begin < 0 || end <= begin || end > _length || (_count > 0 && begin < _nodes[_count - 1].Begin))
            throw new ArgumentException($"a piece from {begin} to {end} does not fit");
        _lowest += Math.Min(0, score);
        _highest += Math.Max(0, score);
        Append(begin, end, id, score);
    }

    /// <summary>Starts on a text with all pieces of a trie that occur in it and, where no piece is one character, an unknown node of one.</summary>
    /// <param name="text">The text.</param>
    /// <param name="trie">The pieces.</param>
    /// <param name="scores">Their scores by id, none above 0; negative infinity: not a piece any more.</param>
    /// <param name="unknownId">The id of an unknown character.</param>
    /// <param name="unknownScore">Its score, below those of all pieces.</param>
    public void Build(ReadOnlySpan<byte> text, DoubleArrayTrie trie, ReadOnlySpan<double> scores, int unknownId, double unknownScore)
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
                if (id < 0 || double.IsNegativeInfinity(scores[id]))
                    continue;
                Append(begin, end, id, scores[id]);
                single |= end - begin == width;
            }

            if (!single)
                Append(begin, begin + width, unknownId, unknownScore);
            _lowest += unknownScore;
        }
    }

    /// <summary>Writes the nodes of the best way, from the last to the first; of equal ways to a place the one whose last node was added first.</summary>
    /// <returns>False when no way covers the text.</returns>
    public bool FindBest(List<int> path)
    {
        path.Clear();
        Span<State> states = Start();
        for (int i = 0; i < _count; i++)
        {
            ref Node node = ref _nodes[i];
            double score = states[node.Begin].First + node.Score;
            ref State state = ref states[node.End];
            if (score <= state.First)
                continue;
            state.First = score;
            state.FirstNode = i;
        }

        if (double.IsNegativeInfinity(states[_length].First))
            return false;
        for (int at = _length; at > 0; at = _nodes[states[at].FirstNode].Begin)
            path.Add(states[at].FirstNode);
        return true;
    }

    /// <summary>Finds the two best ways to cut a text that has one.</summary>
    /// <param name="second">The nodes of the second, from the last to the first; empty when there is one way only.</param>
    /// <returns>The number of pieces of the best.</returns>
    public int FindTwoBest(List<int> second)
    {
        second.Clear();
        Span<State> states = Start();
        for (int i = 0; i < _count; i++)
        {
            ref Node node = ref _nodes[i];
            ref State from = ref states[node.Begin];
            ref State to = ref states[node.End];
            Offer(ref to, from.First + node.Score, i, isSecond: false);
            if (!double.IsNegativeInfinity(from.Second))
                Offer(ref to, from.Second + node.Score, i, isSecond: true);
        }

        int length = 0;
        for (int at = _length; at > 0; at = _nodes[states[at].FirstNode].Begin)
            length++;
        if (double.IsNegativeInfinity(states[_length].Second))
            return length;
        bool follows = true; // still on second-best ways
        for (int at = _length; at > 0;)
        {
            ref State state = ref states[at];
            int index = follows ? state.SecondNode : state.FirstNode;
            follows &= state.SecondFollowsSecond;
            second.Add(index);
            at = _nodes[index].Begin;
        }

        return length;
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

    /// <summary>The positions, of which only the first can be reached yet.</summary>
    private Span<State> Start()
    {
        Span<State> states = _states.AsSpan(0, _length + 1);
        states.Fill(new State { First = double.NegativeInfinity, Second = double.NegativeInfinity });
        states[0].First = 0;
        return states;
    }

    private void Append(int begin, int end, int id, double score)
    {
        if (_count == _nodes.Length)
            Array.Resize(ref _nodes, checked(2 * _count));
        _nodes[_count++] = new Node { Begin = begin, End = end, Id = id, Score = score };
    }

    /// <summary>A piece between two byte positions.</summary>
    internal struct Node
    {
        public double Score;
        public double Probability;
        public int Begin;
        public int End;
        public int Id;
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
