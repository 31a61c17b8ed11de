using System.Numerics.Tensors;

namespace Merganser.Neural.Decoding;

/// <summary>
/// Chooses the next token from logits: repetition penalty, temperature, top-k, top-p and min-p in this order, then one draw. Ties go to
/// the lower id. One sampler serves one sequence; nothing is allocated per token.
/// </summary>
public sealed class Sampler
{
    private readonly GenerationOptions _options;
    private readonly HashSet<int> _seen = [];
    private float[] _scores = [];
    private int[] _order = [];
    private ulong _state;

    /// <summary>Makes a sampler for one row of a batch.</summary>
    public Sampler(GenerationOptions options, int row = 0)
    {
        _options = options.Validate();
        _state = unchecked((options.Seed * 0x9E3779B97F4A7C15) + ((ulong)row * 0xD1B54A32D192ED03) + 0x2545F4914F6CDD1D);
    }

    /// <summary>Tells of a token that occurred: of the prompt, or chosen by somebody else.</summary>
    public void Saw(int id)
    {
        if (_options.RepetitionPenalty != 1)
            _seen.Add(id);
    }

    /// <summary>The next token; it counts as seen.</summary>
    public int Next(ReadOnlySpan<float> logits)
    {
        if (_scores.Length < logits.Length)
            (_scores, _order) = (new float[logits.Length], new int[logits.Length]);
        Span<float> scores = _scores.AsSpan(0, logits.Length);
        logits.CopyTo(scores);
        float penalty = (float)_options.RepetitionPenalty;
        foreach (int id in _seen)
            scores[id] = scores[id] > 0 ? scores[id] / penalty : scores[id] * penalty;
        int chosen = _options.Temperature == 0 ? TensorPrimitives.IndexOfMax<float>(scores) : Draw(scores);
        Saw(chosen);
        return chosen;
    }

    private int Draw(Span<float> scores)
    {
        TensorPrimitives.Divide(scores, (float)_options.Temperature, scores);
        Span<int> order = _order.AsSpan(0, scores.Length);
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        int kept = _options.TopK > 0 ? Math.Min(_options.TopK, scores.Length) : scores.Length;

        // Sorting is needed only for a cut by rank or by sum.
        if (kept < scores.Length || _options.TopP < 1)
            Sort(scores, order);
        float greatest = TensorPrimitives.Max<float>(scores);
        double sum = 0;
        for (int i = 0; i < kept; i++)
            sum += Math.Exp(scores[order[i]] - greatest);
        if (_options.TopP < 1)
        {
            double wanted = _options.TopP * sum, part = 0;
            int count = 0;
            while (count < kept && part < wanted)
                part += Math.Exp(scores[order[count++]] - greatest);
            (kept, sum) = (count, part);
        }

        double least = _options.MinP;
        if (least > 0)
        {
            sum = 0;
            for (int i = 0; i < kept; i++)
                sum += Weight(scores[order[i]], greatest, least);
        }

        double target = NextUniform() * sum, reached = 0;
        int last = order[0];
        for (int i = 0; i < kept; i++)
        {
            double weight = Weight(scores[order[i]], greatest, least);
            if (weight == 0)
                continue;
            last = order[i];
            reached += weight;
            if (reached > target)
                break;
        }

        return last;
    }

    private static double Weight(float score, float greatest, double least)
    {
        double weight = Math.Exp(score - greatest);
        return weight >= least ? weight : 0;
    }

    private static void Sort(Span<float> scores, Span<int> order)
    {
        var byScore = new ByScore(scores.ToArray());
        order.Sort(byScore);
    }

    /// <summary>SplitMix64; the upper 53 bits as a number in [0, 1).</summary>
    private double NextUniform()
    {
        ulong z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return ((z ^ (z >> 31)) >> 11) * (1.0 / (1L << 53));
    }

    private readonly struct ByScore(float[] scores) : IComparer<int>
    {
        public int Compare(int a, int b) => scores[b].CompareTo(scores[a]) is var order && order != 0 ? order : a.CompareTo(b);
    }
}
