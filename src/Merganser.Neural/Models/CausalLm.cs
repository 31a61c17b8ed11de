using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// A decoder-only language model as four steps that a caller may take one by one: <see cref="Embed"/>, <see cref="RunLayers"/> over any
/// range of layers, <see cref="Finish"/> (the final norm), <see cref="Head"/>. An architecture says what one layer does.
/// </summary>
public abstract class CausalLm(ModelConfig config, ModelOptions options) : PretrainedModel(config, options)
{
    /// <summary>The number of layers.</summary>
    public abstract int Layers { get; }

    /// <summary>The number of token ids.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>The longest sequence that the model was made for.</summary>
    public abstract int MaxPositions { get; }

    /// <summary>Token ids int64 [B, T] and positions [B, T] or [1, T] → [B, T, D].</summary>
    public abstract Tensor Embed(Tensor ids, Tensor positions);

    /// <summary>The final norm.</summary>
    public abstract Tensor Finish(Tensor hidden);

    /// <summary>Hidden states after the final norm → logits [B, T, V].</summary>
    public abstract Tensor Head(Tensor hidden);

    /// <summary>Runs the layers from <paramref name="first"/> to before <paramref name="after"/>.</summary>
    public Tensor RunLayers(int first, int after, Tensor hidden, CausalState state)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(after, Layers);
        for (int layer = first; layer < after; layer++)
        {
            // Only the new hidden states outlive a layer; what gradients need, their graph holds by itself.
            using DisposeScope scope = NewDisposeScope();
            hidden = scope.MoveToOuter(RunLayer(layer, hidden, state));
        }

        return hidden;
    }

    /// <summary>The whole model.</summary>
    /// <param name="ids">int64 [B, T].</param>
    /// <param name="input">Mask, positions, cache, wishes.</param>
    public CausalOutput Forward(Tensor ids, CausalInput? input = null)
    {
        input ??= new CausalInput();
        using DisposeScope scope = NewDisposeScope();
        CausalState state = CausalState.Of(ids, input);
        var states = new List<Tensor>();
        Tensor hidden = Embed(ids, state.Positions);
        for (int layer = 0; layer < Layers; layer++)
        {
            if (input.HiddenStates)
                states.Add(hidden);
            hidden = RunLayers(layer, layer + 1, hidden, state);
        }

        input.Cache?.Saw(ids.shape[1]);
        Tensor last = Finish(hidden);
        if (input.HiddenStates)
            states.Add(last);
        Tensor logits = Head(input.LastLogitsOnly ? last.narrow(1, last.shape[1] - 1, 1) : last);
        scope.MoveToOuter(logits);
        foreach (Tensor kept in states)
            scope.MoveToOuter(kept);
        foreach (AttentionOutput kept in state.Attentions)
            Keep(scope, kept);
        return new CausalOutput(logits) { HiddenStates = states, Attentions = state.Attentions };
    }

    /// <summary>What one layer does: [B, T, D] → [B, T, D].</summary>
    protected abstract Tensor RunLayer(int layer, Tensor hidden, CausalState state);

    private static void Keep(DisposeScope scope, AttentionOutput output)
    {
        foreach (Tensor? tensor in (ReadOnlySpan<Tensor?>)[output.Output, output.Probabilities, output.LogSumExp, output.Keys, output.Queries, output.Values])
        {
            if (tensor is not null)
                scope.MoveToOuter(tensor);
        }
    }
}
