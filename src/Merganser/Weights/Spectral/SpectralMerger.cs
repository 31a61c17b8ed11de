using System.IO.Hashing;
using System.Numerics.Tensors;
using System.Text;

namespace Merganser.Weights.Spectral;

/// <summary>The running mean of the task vectors times their factors: what TSVM does to everything that is not a matrix.</summary>
internal sealed class MeanChangeMerger(float[] alphas, Rounding rounding) : TensorMerger
{
    public override bool IsStateless => true;

    public override void Apply(in Tile tile)
    {
        Span<float> output = tile.Output;
        output.Clear();
        for (int model = 0; model < tile.ModelCount; model++)
        {
            TensorPrimitives.Subtract(tile.Model(model), tile.Base, tile.Model(model));
            TensorPrimitives.MultiplyAdd(tile.Model(model), alphas[model], output, output);
        }

        TensorPrimitives.Divide(output, tile.ModelCount, output);
        TensorPrimitives.Add(output, tile.Base, output);
        rounding.Apply(output);
    }
}

/// <summary>Merges the task matrices of a whole tensor at once.</summary>
internal abstract class SpectralMerger(TensorContext tensor) : TensorMerger
{
    protected TensorContext Tensor => tensor;

    protected int Rows => checked((int)tensor.Shape[0]);

    protected int Columns => checked((int)tensor.Shape[1]);

    protected ulong Seed { get; } = tensor.Seed ^ XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(tensor.Name));

    public sealed override Granularity Granularity => Granularity.Tensor;

    public sealed override void Apply(in Tile tile)
    {
        if (tile.Count == 0)
            return;
        float[][] tasks = new float[tile.ModelCount][];
        for (int model = 0; model < tasks.Length; model++)
        {
            tasks[model] = new float[tile.Count];
            TensorPrimitives.Subtract(tile.Model(model), tile.Base, tasks[model]);
            if (!float.IsFinite(TensorPrimitives.Sum<float>(tasks[model])))
                RefuseNonFinite(tasks[model], model);
        }

        Matrix merged = Merge(tasks);
        Span<float> output = tile.Output;
        for (int i = 0; i < output.Length; i++)
            output[i] = (float)(tile.Base[i] + merged.Data[i]);
        tensor.Rounding.Apply(output);
    }

    /// <summary>The change of the merged tensor, row-major.</summary>
    protected abstract Matrix Merge(float[][] tasks);

    protected void WarnDropped(int dropped)
    {
        if (dropped > 0)
            tensor.Warn?.Invoke($"{tensor.Name}: {dropped} singular directions are shared by tasks and were dropped");
    }

    private void RefuseNonFinite(float[] task, int model)
    {
        for (int i = 0; i < task.Length; i++)
        {
            if (!float.IsFinite(task[i]))
                throw new MerganserException($"{tensor.Name}: the change of {tensor.Models[model]} holds NaN or infinity at element {i}; matrices like that cannot be decomposed");
        }
    }
}
