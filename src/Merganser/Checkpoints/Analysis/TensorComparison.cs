using System.Buffers;
using System.Collections.Immutable;

namespace Merganser.Checkpoints.Analysis;

/// <summary>How far the tensor b is from the tensor a of the same name and shape. Pairs with a NaN or infinite element are left out and counted.</summary>
/// <param name="Name">The name in both.</param>
/// <param name="Shape">The shape of both.</param>
/// <param name="MaxDifference">max |b − a|.</param>
/// <param name="MeanDifference">mean |b − a|.</param>
/// <param name="Cosine">a·b/(‖a‖‖b‖); 1 when both are zero, 0 when one is.</param>
/// <param name="RelativeNorm">‖b − a‖/‖a‖; infinite when only a is zero.</param>
/// <param name="SignAgreement">The share of elements whose signs (−, 0, +) agree.</param>
/// <param name="NonFinite">The number of pairs left out, save those that are NaN in both or the same infinity.</param>
public sealed record TensorComparison(
    string Name, ImmutableArray<long> Shape, double MaxDifference, double MeanDifference, double Cosine, double RelativeNorm, double SignAgreement, long NonFinite)
{
    /// <summary>True when all elements have the same value.</summary>
    public bool IsEqual => MaxDifference == 0 && NonFinite == 0;

    /// <summary>Reads both of each pair once, in parallel.</summary>
    /// <exception cref="ArgumentException">Shapes differ.</exception>
    /// <exception cref="MerganserException">A file cannot be read.</exception>
    public static TensorComparison[] Compute(IReadOnlyList<(TensorSource A, TensorSource B)> pairs, IProgress<long>? progress = null, CancellationToken cancellation = default)
    {
        foreach ((TensorSource a, TensorSource b) in pairs)
        {
            if (!a.Info.SameShape(b.Info))
                throw new ArgumentException($"{a.Info.Name}: {a.Info.ShapeText} and {b.Info.ShapeText}", nameof(pairs));
        }

        return TensorBlocks.Fold(
            [.. pairs.Select(pair => pair.A.Info.ElementCount)],
            block => Measure(pairs[block.Tensor].A, pairs[block.Tensor].B, block),
            (tensor, parts) => Combine(pairs[tensor].A.Info, parts),
            tensor => pairs[tensor].A.Info.DType.Size() + pairs[tensor].B.Info.DType.Size(),
            progress,
            cancellation);
    }

    private static Part Measure(TensorSource first, TensorSource second, TensorBlocks.Block block)
    {
        float[] rentedA = ArrayPool<float>.Shared.Rent(block.Length);
        float[] rentedB = ArrayPool<float>.Shared.Rent(block.Length);
        Span<float> a = rentedA.AsSpan(0, block.Length);
        Span<float> b = rentedB.AsSpan(0, block.Length);
        TensorBlocks.Read(first, block.Start, a);
        TensorBlocks.Read(second, block.Start, b);
        var part = default(Part);
        for (int i = 0; i < a.Length; i++)
        {
            if (!float.IsFinite(a[i]) || !float.IsFinite(b[i]))
            {
                part.NonFinite += a[i].Equals(b[i]) ? 0 : 1;
                continue;
            }

            double x = a[i];
            double y = b[i];
            double difference = Math.Abs(y - x);
            part.Count++;
            part.Max = Math.Max(part.Max, difference);
            part.Sum += difference;
            part.Squares += difference * difference;
            part.Dot += x * y;
            part.SquaresA += x * x;
            part.SquaresB += y * y;
            part.SameSigns += Math.Sign(x) == Math.Sign(y) ? 1 : 0;
        }

        ArrayPool<float>.Shared.Return(rentedA);
        ArrayPool<float>.Shared.Return(rentedB);
        return part;
    }

    private static TensorComparison Combine(TensorInfo info, IReadOnlyList<Part> parts)
    {
        var total = default(Part);
        foreach (Part part in parts)
        {
            total.Count += part.Count;
            total.SameSigns += part.SameSigns;
            total.NonFinite += part.NonFinite;
            total.Max = Math.Max(total.Max, part.Max);
            total.Sum += part.Sum;
            total.Squares += part.Squares;
            total.Dot += part.Dot;
            total.SquaresA += part.SquaresA;
            total.SquaresB += part.SquaresB;
        }

        double norms = Math.Sqrt(total.SquaresA) * Math.Sqrt(total.SquaresB);
        bool bothZero = total.SquaresA == 0 && total.SquaresB == 0;
        double cosine = bothZero || total.Squares == 0 ? 1 : norms == 0 ? 0 : Math.Clamp(total.Dot / norms, -1, 1);
        double relative = total.Squares == 0 ? 0 : Math.Sqrt(total.Squares / total.SquaresA);
        double count = Math.Max(total.Count, 1);
        double signs = total.Count == 0 ? 1 : total.SameSigns / count;
        return new TensorComparison(info.Name, info.Shape, total.Max, total.Sum / count, cosine, relative, signs, total.NonFinite);
    }

    private struct Part
    {
        public long Count;
        public long SameSigns;
        public long NonFinite;
        public double Max;
        public double Sum;
        public double Squares;
        public double Dot;
        public double SquaresA;
        public double SquaresB;
    }
}
