using Merganser.Neural.Models;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>Classes of texts: rows of token ids, padded and masked, go into an encoder with a classifier.</summary>
/// <param name="model">The model.</param>
/// <param name="rows">The ids of each text.</param>
/// <param name="labels">The classes.</param>
/// <param name="heldOutRows">Texts to measure on.</param>
/// <param name="heldOutLabels">Their classes.</param>
/// <param name="pad">The id that fills short rows.</param>
public sealed class TextTask(EncoderModel model, IReadOnlyList<int[]> rows, IReadOnlyList<int> labels, IReadOnlyList<int[]> heldOutRows, IReadOnlyList<int> heldOutLabels, int pad = 0)
    : ClassificationTask(labels, heldOutLabels)
{
    /// <inheritdoc/>
    public override string Unit => "texts";

    /// <inheritdoc/>
    protected override Tensor Scores(int[] examples, bool fromHeldOut, ulong seed)
    {
        int[][] chosen = [.. examples.Select(example => (fromHeldOut ? heldOutRows : rows)[example])];
        int longest = Math.Max(1, chosen.Max(row => row.Length));
        long[] ids = new long[chosen.Length * longest], mask = new long[ids.Length];
        Array.Fill(ids, pad);
        for (int row = 0; row < chosen.Length; row++)
        {
            for (int i = 0; i < chosen[row].Length; i++)
                (ids[(row * longest) + i], mask[(row * longest) + i]) = (chosen[row][i], 1);
        }

        var input = new EncoderInput { Mask = tensor(mask, [chosen.Length, longest], device: model.Device) };
        return model.Forward(tensor(ids, [chosen.Length, longest], device: model.Device), input).Logits ?? throw new MerganserException("the model has no classifier");
    }
}
