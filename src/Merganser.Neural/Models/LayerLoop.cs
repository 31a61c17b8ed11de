using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>The loop over the layers of encoders and of encoder-decoder models, and what outlives it.</summary>
internal static class LayerLoop
{
    /// <summary>Runs the layers from <paramref name="first"/> to before <paramref name="after"/>.</summary>
    /// <param name="first">The first layer.</param>
    /// <param name="after">The layer after the last.</param>
    /// <param name="hidden">The input of the first layer.</param>
    /// <param name="keepsAll">Gradients or wishes need the tensors inside a layer; otherwise only the new hidden states outlive it.</param>
    /// <param name="layer">What one layer does.</param>
    /// <param name="states">Takes the input of each layer.</param>
    public static Tensor Run(int first, int after, Tensor hidden, bool keepsAll, Func<int, Tensor, Tensor> layer, List<Tensor>? states = null)
    {
        for (int i = first; i < after; i++)
        {
            states?.Add(hidden);
            if (keepsAll)
            {
                hidden = layer(i, hidden);
                continue;
            }

            using DisposeScope scope = NewDisposeScope();
            hidden = scope.MoveToOuter(layer(i, hidden));
        }

        return hidden;
    }

    /// <summary>Moves what the caller gets out of the scope of the pass.</summary>
    public static void Keep(DisposeScope scope, IEnumerable<Tensor> states, IEnumerable<AttentionOutput> attentions)
    {
        foreach (Tensor state in states)
            scope.MoveToOuter(state);
        foreach (AttentionOutput output in attentions)
        {
            foreach (Tensor? tensor in (ReadOnlySpan<Tensor?>)[output.Output, output.Probabilities, output.LogSumExp, output.Keys, output.Queries, output.Values])
            {
                if (tensor is not null)
                    scope.MoveToOuter(tensor);
            }
        }
    }
}
