using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Classification;

/// <summary>A model with what stands before it: items in, the probability of each class out.</summary>
/// <typeparam name="T">Pictures or texts.</typeparam>
/// <param name="model">The model; it is disposed with this.</param>
public abstract class Classifier<T>(PretrainedModel model) : IDisposable
{
    /// <summary>The names of the classes.</summary>
    public abstract IReadOnlyList<string> Labels { get; }

    /// <summary>Items that go through the model together; 32 by default.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>
    /// The probability of each class, for each item, in the order of <see cref="Labels"/>: softmax; each class for itself (sigmoid) where
    /// config.json says <c>multi_label_classification</c> or there is one class; the bare scores where it says <c>regression</c>.
    /// </summary>
    public float[][] Classify(IReadOnlyList<T> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        float[][] results = new float[items.Count][];
        using IDisposable mode = inference_mode();
        foreach (int[] chosen in Batches(items))
        {
            using DisposeScope scope = NewDisposeScope();
            float[] values = [.. Probabilities(Scores(items, chosen).to(ScalarType.Float32)).cpu().contiguous().data<float>()];
            int classes = values.Length / chosen.Length;
            for (int i = 0; i < chosen.Length; i++)
                results[chosen[i]] = values[(i * classes)..((i + 1) * classes)];
        }

        return results;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Lets go of the model and what is held besides.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
            model.Dispose();
    }

    /// <summary>Which items go together; by default as they come.</summary>
    protected virtual IEnumerable<int[]> Batches(IReadOnlyList<T> items) => Enumerable.Range(0, items.Count).Chunk(Batch);

    /// <summary>The scores [chosen, classes] of some items.</summary>
    protected abstract Tensor Scores(IReadOnlyList<T> items, int[] chosen);

    private Tensor Probabilities(Tensor scores) => model.Config.Text("problem_type", "") switch
    {
        "regression" => scores,
        "multi_label_classification" => scores.sigmoid(),
        _ => scores.shape[1] == 1 ? scores.sigmoid() : scores.softmax(1),
    };
}
