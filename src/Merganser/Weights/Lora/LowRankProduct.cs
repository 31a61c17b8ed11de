using System.Numerics;
using Merganser.Checkpoints;

namespace Merganser.Weights.Lora;

/// <summary>The factors of an update <c>L·R</c>, in float32: L [rows, rank] with the scale in it, R [rank, columns].</summary>
internal sealed class LowRankProduct
{
    private readonly float[] _left;
    private readonly float[] _right;
    private readonly int _rank;
    private readonly int _columns;

    private LowRankProduct(float[] left, float[] right, int rank, int columns)
    {
        _left = left;
        _right = right;
        _rank = rank;
        _columns = columns;
    }

    /// <summary>
    /// Reads the factors of <c>s·B·A</c>, A [rank, in] and B [out, rank], or of its transpose. Further axes (kernels of a
    /// convolution) are joined with the input's.
    /// </summary>
    public static LowRankProduct Read(TensorSource a, TensorSource b, double scale, bool transposed)
    {
        float[] first = a.ReadSingles();
        float[] second = b.ReadSingles();
        int rank = checked((int)a.Info.Shape[0]);
        int inputs = first.Length / Math.Max(rank, 1);
        int outputs = second.Length / Math.Max(rank, 1);
        float[] left = transposed ? Transpose(first, rank, inputs) : second;
        float[] right = transposed ? Transpose(second, outputs, rank) : first;
        for (int i = 0; i < left.Length; i++)
            left[i] = (float)(left[i] * scale);
        return new LowRankProduct(left, right, rank, transposed ? outputs : inputs);
    }

    /// <summary>Writes one row of the product.</summary>
    public void Row(long row, Span<float> destination)
    {
        ReadOnlySpan<float> left = _left.AsSpan(checked((int)(row * _rank)), _rank);
        destination.Clear();
        // Strips of columns stay in the first-level cache while all ranks pass over them, four at a time.
        const int strip = 2048;
        for (int start = 0; start < _columns; start += strip)
        {
            int length = Math.Min(strip, _columns - start);
            Span<float> sum = destination.Slice(start, length);
            int k = 0;
            for (; k + 4 <= _rank; k += 4)
                AddFour(sum, left.Slice(k, 4), Right(k, start, length), Right(k + 1, start, length), Right(k + 2, start, length), Right(k + 3, start, length));
            for (; k < _rank; k++)
                System.Numerics.Tensors.TensorPrimitives.MultiplyAdd(Right(k, start, length), left[k], sum, sum);
        }
    }

    private ReadOnlySpan<float> Right(int k, int start, int length) => _right.AsSpan((int)((long)k * _columns) + start, length);

    private static void AddFour(Span<float> sum, ReadOnlySpan<float> factors, ReadOnlySpan<float> r0, ReadOnlySpan<float> r1, ReadOnlySpan<float> r2, ReadOnlySpan<float> r3)
    {
        float f0 = factors[0], f1 = factors[1], f2 = factors[2], f3 = factors[3];
        int i = 0;
        for (; i <= sum.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> value = new(sum[i..]);
            value = Vector.FusedMultiplyAdd(new Vector<float>(r0[i..]), new Vector<float>(f0), value);
            value = Vector.FusedMultiplyAdd(new Vector<float>(r1[i..]), new Vector<float>(f1), value);
            value = Vector.FusedMultiplyAdd(new Vector<float>(r2[i..]), new Vector<float>(f2), value);
            value = Vector.FusedMultiplyAdd(new Vector<float>(r3[i..]), new Vector<float>(f3), value);
            value.CopyTo(sum[i..]);
        }

        for (; i < sum.Length; i++)
            sum[i] = float.FusedMultiplyAdd(r3[i], f3, float.FusedMultiplyAdd(r2[i], f2, float.FusedMultiplyAdd(r1[i], f1, float.FusedMultiplyAdd(r0[i], f0, sum[i]))));
    }

    private static float[] Transpose(float[] matrix, int rows, int columns)
    {
        float[] result = new float[matrix.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
                result[(column * rows) + row] = matrix[(row * columns) + column];
        }

        return result;
    }
}
