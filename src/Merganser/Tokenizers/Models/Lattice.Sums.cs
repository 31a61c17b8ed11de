namespace Merganser.Tokenizers;

/// <content>Sums over all ways.</content>
internal sealed partial class Lattice
{
    private const double LargestLog = 600; // probabilities between exp of this and of minus this are multiplied as they are

    /// <summary>Adds to each id's count how often it is expected in the text: the probability of its nodes.</summary>
    /// <param name="expected">By id.</param>
    /// <param name="weight">What the text counts.</param>
    /// <returns>The logarithm of the sum of all ways' probabilities, not weighted; negative infinity when no way covers the text.</returns>
    public double AddExpectedCounts(double[] expected, double weight = 1) =>
        _lowest > -LargestLog && _highest < LargestLog ? AddDirectly(expected, weight) : AddInLogs(expected, weight);

    private double AddDirectly(double[] expected, double weight)
    {
        Span<State> states = _states.AsSpan(0, _length + 1);
        states.Clear();
        states[0].First = 1;
        for (int i = 0; i < _count; i++)
        {
            ref Node node = ref _nodes[i];
            node.Probability = Math.Exp(node.Score);
            states[node.End].First += states[node.Begin].First * node.Probability;
        }

        double all = states[_length].First;
        if (all == 0)
            return double.NegativeInfinity;
        double scale = weight / all;
        states[_length].Second = 1;
        for (int i = _count - 1; i >= 0; i--)
        {
            ref Node node = ref _nodes[i];
            double after = node.Probability * states[node.End].Second;
            states[node.Begin].Second += after;
            expected[node.Id] += scale * states[node.Begin].First * after;
        }

        return Math.Log(all);
    }

    private double AddInLogs(double[] expected, double weight)
    {
        Span<State> states = Start();
        for (int i = 0; i < _count; i++)
        {
            ref Node node = ref _nodes[i];
            states[node.End].First = AddLogs(states[node.End].First, states[node.Begin].First + node.Score);
        }

        double all = states[_length].First;
        if (double.IsNegativeInfinity(all))
            return all;
        states[_length].Second = 0;
        for (int i = _count - 1; i >= 0; i--)
        {
            ref Node node = ref _nodes[i];
            double after = node.Score + states[node.End].Second;
            states[node.Begin].Second = AddLogs(states[node.Begin].Second, after);
            expected[node.Id] += weight * Math.Exp(states[node.Begin].First + after - all);
        }

        return all;
    }

    private static double AddLogs(double x, double y)
    {
        double high = Math.Max(x, y);
        return double.IsNegativeInfinity(high) ? high : high + Math.Log(1 + Math.Exp(Math.Min(x, y) - high));
    }
}
