namespace Merganser.Tokenizers;

/// <content>The n best ways.</content>
internal sealed partial class Lattice
{
    /// <summary>The best ways by score, exactly, best first, each as nodes; fewer when there are not so many. Equal scores come in a fixed order.</summary>
    /// <param name="count">How many.</param>
    /// <param name="scores">The score of each.</param>
    public int[][] FindNBest(int count, out double[] scores)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        Span<State> states = Start();
        // Nodes come by rising begin and are not empty, so a position is finished before a node begins there.
        foreach (Node node in Nodes)
            states[node.End].First = Math.Max(states[node.End].First, states[node.Begin].First + node.Score);
        int[] order = OrderByEnd(out int[] firstByEnd);
        var paths = new List<int[]>();
        var found = new List<double>();
        // A* from the end: the best way from the start to a node is known exactly, so ways come out in order of their score.
        var agenda = new PriorityQueue<Hypothesis, (double Score, long Order)>();
        long added = 0;
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
            for (int i = firstByEnd[end]; i < firstByEnd[end + 1]; i++)
            {
                ref Node node = ref _nodes[order[i]];
                double before = _states[node.Begin].First;
                if (double.IsNegativeInfinity(before))
                    continue; // nothing leads there
                double through = behind + node.Score;
                agenda.Enqueue(new Hypothesis(order[i], through, next), (-(through + before), added++));
            }
        }
    }

    /// <summary>The nodes by end, then in the order they were added.</summary>
    private int[] OrderByEnd(out int[] firstByEnd)
    {
        firstByEnd = new int[_length + 2];
        foreach (Node node in Nodes)
            firstByEnd[node.End + 1]++;
        for (int end = 1; end < firstByEnd.Length; end++)
            firstByEnd[end] += firstByEnd[end - 1];
        int[] at = [.. firstByEnd];
        var order = new int[_count];
        for (int i = 0; i < _count; i++)
            order[at[_nodes[i].End]++] = i;
        return order;
    }

    private sealed record Hypothesis(int Node, double Behind, Hypothesis? Next);
}
