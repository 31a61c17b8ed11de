using System.Buffers;

namespace Merganser.Checkpoints.Analysis;

/// <summary>
/// Numbers about the elements of a tensor. Minimum, maximum, mean, deviation and norm are of the finite elements only; sums are in
/// double precision. Elements are looked at as 32-bit floats, so those of F64 and of 64-bit integers are rounded first.
/// </summary>
/// <param name="Count">The number of elements.</param>
/// <param name="NaN">The number that are not a number.</param>
/// <param name="Infinite">The number that are infinite.</param>
/// <param name="Zeros">The number that are zero.</param>
/// <param name="Minimum">The smallest; NaN when none is finite.</param>
/// <param name="Maximum">The largest; NaN when none is finite.</param>
/// <param name="Mean">The mean; NaN when none is finite.</param>
/// <param name="StandardDeviation">The root of the mean squared distance from the mean (divided by the count, not the count less one).</param>
/// <param name="Norm">The Euclidean norm.</param>
public sealed record TensorStatistics(long Count, long NaN, long Infinite, long Zeros, double Minimum, double Maximum, double Mean, double StandardDeviation, double Norm)
{
    /// <summary>Reads the tensors once, in parallel.</summary>
    /// <param name="tensors">The tensors.</param>
    /// <param name="progress">Gets the number of bytes read since the last report, from several threads.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="MerganserException">A file cannot be read.</exception>
    public static TensorStatistics[] Compute(IReadOnlyList<TensorSource> tensors, IProgress<long>? progress = null, CancellationToken cancellation = default) =>
        TensorBlocks.Fold(
            [.. tensors.Select(tensor => tensor.Info.ElementCount)],
            block => Measure(tensors[block.Tensor], block),
            (_, parts) => Combine(parts),
            tensor => tensors[tensor].Info.DType.Size(),
            progress,
            cancellation);

    private static Part Measure(TensorSource tensor, TensorBlocks.Block block)
    {
        float[] rented = ArrayPool<float>.Shared.Rent(block.Length);
        Span<float> values = rented.AsSpan(0, block.Length);
        TensorBlocks.Read(tensor, block.Start, values);
        var part = new Part { Count = values.Length };
        double sum = 0;
        foreach (float value in values)
        {
            if (!float.IsFinite(value))
            {
                if (float.IsNaN(value))
                    part.NaN++;
                else
                    part.Infinite++;
                continue;
            }

            part.Finite++;
            part.Zeros += value == 0 ? 1 : 0;
            part.Minimum = Math.Min(part.Minimum, value);
            part.Maximum = Math.Max(part.Maximum, value);
            sum += value;
            part.Squares += (double)value * value;
        }

        part.Mean = part.Finite > 0 ? sum / part.Finite : 0;
        foreach (float value in values)
        {
            double distance = value - part.Mean;
            part.Spread += float.IsFinite(value) ? distance * distance : 0;
        }

        ArrayPool<float>.Shared.Return(rented);
        return part;
    }

    private static TensorStatistics Combine(IReadOnlyList<Part> parts)
    {
        var total = new Part();
        foreach (Part part in parts)
        {
            // Chan's update: the spread around the common mean from the spreads around two means.
            long finite = total.Finite + part.Finite;
            double shift = part.Mean - total.Mean;
            if (part.Finite > 0)
            {
                total.Spread += part.Spread + (shift * shift * total.Finite * part.Finite / finite);
                total.Mean += shift * part.Finite / finite;
            }

            total.Finite = finite;
            total.Count += part.Count;
            total.NaN += part.NaN;
            total.Infinite += part.Infinite;
            total.Zeros += part.Zeros;
            total.Squares += part.Squares;
            total.Minimum = Math.Min(total.Minimum, part.Minimum);
            total.Maximum = Math.Max(total.Maximum, part.Maximum);
        }

        bool none = total.Finite == 0;
        return new TensorStatistics(
            total.Count, total.NaN, total.Infinite, total.Zeros, none ? double.NaN : total.Minimum, none ? double.NaN : total.Maximum,
            none ? double.NaN : total.Mean, none ? double.NaN : Math.Sqrt(total.Spread / total.Finite), Math.Sqrt(total.Squares));
    }

    private struct Part
    {
        public Part()
        {
        }

        public long Count;
        public long Finite;
        public long NaN;
        public long Infinite;
        public long Zeros;
        public double Minimum = double.PositiveInfinity;
        public double Maximum = double.NegativeInfinity;
        public double Mean;
        public double Spread;
        public double Squares;
    }
}
