using System.Numerics.Tensors;
using Merganser.Checkpoints;
using Merganser.Weights.Recipes;

namespace Merganser.Weights.Moe;

/// <summary>
/// Rows of routers from hidden states of the base: for every layer, the state that enters it at the last token of a prompt
/// (<c>hidden_avg</c>: the sum over its tokens divided by the length to which the prompts of one list are padded), averaged over the prompts of
/// a list; negative prompts' average is subtracted, and the result brought to length 1.
/// </summary>
/// <remarks>What padding tokens themselves would become is undefined in the reference, since they see nothing; they count as zero here.</remarks>
internal sealed class HiddenGates
{
    private const double SmallestNorm = 1e-8;

    private readonly MoeConfig _config;
    private readonly int _width;
    private readonly List<CausalPrompt> _prompts = [];
    private readonly List<Side> _sides = [];
    private readonly Dictionary<MoeExpert, float[][]> _rows = new(ReferenceEqualityComparer.Instance);

    private HiddenGates(MoeConfig config, int width)
    {
        _config = config;
        _width = width;
    }

    /// <summary>Runs the base model over all prompts.</summary>
    /// <exception cref="MerganserException">The model cannot be run, a prompt has no tokens, or the states are not finite.</exception>
    public static HiddenGates Compute(MoeConfig config, OpenModel baseModel, int layers, TensorSource embedding, MoeOptions options)
    {
        int width = checked((int)embedding.Info.Shape[1]);
        CausalShape shape = CausalShape.Read(baseModel.Folder, layers, width);
        var gates = new HiddenGates(config, width);
        foreach (MoeExpert expert in config.Experts.Concat(config.SharedExperts))
        {
            if (expert.PositivePrompts.IsEmpty)
                continue;
            gates._rows[expert] = new float[layers][];
            gates.Add(expert, expert.PositivePrompts, embedding);
            gates.Add(expert, expert.NegativePrompts, embedding);
        }

        var forward = new CausalForward(shape, name => baseModel.Tensors.GetValueOrDefault(name), baseModel.Folder.Path, options.Threads);
        forward.Run(gates._prompts, layers, (layer, states) =>
        {
            options.Cancellation.ThrowIfCancellationRequested();
            options.LayerDone?.Invoke(layer, layers);
            gates.Take(layer, states, baseModel.Folder.Path);
        });
        return gates;
    }

    /// <summary>The row of an expert in the router of a layer.</summary>
    public ReadOnlySpan<float> Row(MoeExpert expert, int layer) => _rows[expert][layer];

    private void Add(MoeExpert expert, IReadOnlyCollection<MoePrompt> prompts, TensorSource embedding)
    {
        int longest = prompts.Count == 0 ? 0 : prompts.Max(prompt => prompt.Tokens.Length);
        _sides.Add(new Side(expert, _prompts.Count, prompts.Count));
        foreach (MoePrompt prompt in prompts)
        {
            if (prompt.Tokens.IsEmpty)
                throw prompt.Position.Error("the prompt has no tokens, so it has no hidden state");
            MoeGates.CheckTokens(prompt, embedding);
            _prompts.Add(new CausalPrompt([.. prompt.Tokens], longest));
        }
    }

    private void Take(int layer, float[] states, string origin)
    {
        int token = 0;
        for (int i = 0; i < _sides.Count; i += 2)
        {
            double[] direction = Average(_sides[i], states, ref token);
            TensorPrimitives.Subtract(direction, Average(_sides[i + 1], states, ref token), direction);
            double norm = TensorPrimitives.Norm<double>(direction);
            if (!double.IsFinite(norm))
                throw new MerganserException($"{origin}: the hidden states that enter layer {layer} are not finite; look for NaN and infinities with 'merganser inspect --stats'");
            float[] row = new float[_width];
            TensorPrimitives.Divide(direction, Math.Max(norm, SmallestNorm), direction);
            TensorPrimitives.ConvertSaturating<double, float>(direction, row);
            _rows[_sides[i].Expert][layer] = row;
        }
    }

    /// <summary>The average of a list of prompts; zeros for an empty list.</summary>
    private double[] Average(Side side, float[] states, ref int token)
    {
        double[] sum = new double[_width], wide = new double[_width];
        foreach (CausalPrompt prompt in _prompts.Slice(side.First, side.Count))
        {
            bool all = _config.GateMode == MoeGateMode.HiddenAverage;
            for (int i = all ? 0 : prompt.Tokens.Length - 1; i < prompt.Tokens.Length; i++)
            {
                TensorPrimitives.ConvertSaturating<float, double>(states.AsSpan((token + i) * _width, _width), wide);
                TensorPrimitives.MultiplyAdd(wide, 1.0 / (side.Count * (all ? prompt.PaddedLength : 1.0)), sum, sum);
            }

            token += prompt.Tokens.Length;
        }

        return sum;
    }

    /// <summary>The positive or negative prompts of an expert: a run of all prompts. Each expert has two, in this order.</summary>
    private readonly record struct Side(MoeExpert Expert, int First, int Count);
}
