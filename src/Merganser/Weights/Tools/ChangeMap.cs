using System.Numerics.Tensors;
using Merganser.Checkpoints;
using Merganser.Weights.Execution;

namespace Merganser.Weights.Tools;

/// <summary>How much one tensor changed.</summary>
/// <param name="Name">The tensor.</param>
/// <param name="Layer">The layer's number; −1 outside the layers.</param>
/// <param name="Kind">What the tensor is in its layer, such as <c>self_attn.q_proj.weight</c>; the name outside the layers.</param>
/// <param name="MeanChange">The mean of |θ − θ0| over the tensor.</param>
/// <param name="SquaredChange">The sum of (θ − θ0)² over the tensor.</param>
/// <param name="RowChanges">The mean of |θ − θ0| of each row (output unit), over its inputs.</param>
public sealed record TensorChange(string Name, int Layer, string Kind, double MeanChange, double SquaredChange, IReadOnlyList<double> RowChanges);

/// <summary>
/// Where fine-tuning changed a model: for each tensor the mean absolute change, of all and per row, and for each layer its share of the
/// total squared change. From the change analysis of "Layer Swapping for Zero-Shot Cross-Lingual Transfer", arXiv 2410.01335.
/// </summary>
public sealed class ChangeMap
{
    private const int ChunkElements = 64 * 1024;

    private ChangeMap(string model, IReadOnlyList<TensorChange> tensors, int layers)
    {
        Model = model;
        Tensors = tensors;
        TotalSquaredChange = tensors.Sum(tensor => tensor.SquaredChange);
        double[] shares = new double[layers];
        foreach (TensorChange tensor in tensors)
        {
            if (tensor.Layer >= 0)
                shares[tensor.Layer] += tensor.SquaredChange;
        }

        if (TotalSquaredChange > 0)
            TensorPrimitives.Divide(shares, TotalSquaredChange, shares);
        LayerShares = shares;
    }

    /// <summary>The fine-tuned model's path.</summary>
    public string Model { get; }

    /// <summary>All floating-point tensors that both models have, by layer and then by name.</summary>
    public IReadOnlyList<TensorChange> Tensors { get; }

    /// <summary>The sum of (θ − θ0)² over the whole model.</summary>
    public double TotalSquaredChange { get; }

    /// <summary>The share of each layer in <see cref="TotalSquaredChange"/>; what is missing to 1 lies outside the layers. All 0 when nothing changed.</summary>
    public IReadOnlyList<double> LayerShares { get; }

    /// <summary>Compares a model with its base. Each tensor is read once; sums are float64.</summary>
    /// <exception cref="MerganserException">A tensor has different shapes, or the models share none.</exception>
    public static ChangeMap Compute(ModelFolder baseModel, ModelFolder model)
    {
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(model);
        TensorSource[] shared = [.. model.Weights.Tensors.Values.Where(tensor => tensor.Info.DType.IsFloat() && baseModel.Weights.Tensors.ContainsKey(tensor.Info.Name))];
        if (shared.Length == 0)
            throw new MerganserException($"{model.Path} and {baseModel.Path} have no floating-point tensor in common");
        var changes = new TensorChange[shared.Length];
        Workers.Run(Environment.ProcessorCount, shared.Length, (_, i) => changes[i] = Compare(baseModel.Weights.Tensors[shared[i].Info.Name], shared[i]));
        return new ChangeMap(
            model.Path,
            [.. changes.OrderBy(change => change.Layer).ThenBy(change => change.Name, StringComparer.Ordinal)],
            ModelLayers.Count(model));
    }

    private static TensorChange Compare(TensorSource old, TensorSource tensor)
    {
        TensorInfo info = tensor.Info;
        if (!info.SameShape(old.Info))
            throw new MerganserException($"{tensor.Origin}: '{info.Name}' is {info.ShapeText}, in {old.Origin} it is {old.Info.ShapeText}; only models of one shape can be compared");
        int rowLength = (int)Math.Max(1, info.Shape.Length < 2 ? info.ElementCount : info.RowLength);
        double[] rows = new double[info.ElementCount / rowLength];
        float[] values = new float[ChunkElements], before = new float[ChunkElements];
        byte[] bytes = new byte[ChunkElements * Math.Max(info.DType.Size(), old.Info.DType.Size())];
        double squares = 0;
        for (long start = 0; start < info.ElementCount; start += ChunkElements)
        {
            int count = (int)Math.Min(ChunkElements, info.ElementCount - start);
            Span<float> change = values.AsSpan(0, count);
            Load(tensor, start, bytes, change);
            Load(old, start, bytes, before.AsSpan(0, count));
            TensorPrimitives.Subtract(change, before.AsSpan(0, count), change);
            for (int i = 0; i < count;)
            {
                long row = (start + i) / rowLength;
                int length = (int)Math.Min(count - i, ((row + 1) * rowLength) - start - i);
                (double sum, double square) = Sums(change.Slice(i, length));
                rows[row] += sum;
                squares += square;
                i += length;
            }
        }

        double total = rows.Sum();
        TensorPrimitives.Divide(rows, rowLength, rows);
        LayerPlace place = LayerPlace.Of(info.Name);
        return new TensorChange(info.Name, place.Layer, place.Kind, info.ElementCount == 0 ? 0 : total / info.ElementCount, squares, rows);
    }

    private static void Load(TensorSource source, long start, byte[] bytes, Span<float> values)
    {
        int size = source.Info.DType.Size();
        Span<byte> raw = bytes.AsSpan(0, values.Length * size);
        source.Read(start * size, raw);
        TensorCast.ToSingle(raw, source.Info.DType, values);
    }

    /// <summary>Sums of |x| and x²: float32 in runs short enough to lose nothing that matters, float64 between them.</summary>
    private static (double Absolute, double Squared) Sums(ReadOnlySpan<float> values)
    {
        const int run = 256;
        double absolute = 0, squared = 0;
        for (int i = 0; i < values.Length; i += run)
        {
            ReadOnlySpan<float> part = values.Slice(i, Math.Min(run, values.Length - i));
            absolute += TensorPrimitives.SumOfMagnitudes(part);
            squared += TensorPrimitives.SumOfSquares(part);
        }

        return (absolute, squared);
    }
}
