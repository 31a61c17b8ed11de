using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Merganser.Experiments.Synth;

/// <summary>The matrix product of small networks in float32: four rows by two vectors of the result stay in registers over the whole depth.</summary>
internal static class SingleGemm
{
    private const int RowTile = 4;

    /// <summary><c>C = A·B</c> or <c>C += A·B</c>; A [m, k] with any strides (so it may be transposed), B [k, n] and C [m, n] row by row.</summary>
    public static void Multiply(ReadOnlySpan<float> a, int rowStride, int columnStride, ReadOnlySpan<float> b, Span<float> c, int m, int k, int n, bool accumulate = false)
    {
        if (a.Length < ((m - 1) * rowStride) + ((k - 1) * columnStride) + 1 || b.Length < k * n || c.Length < m * n)
            throw new ArgumentException($"the operands are too short for [{m}, {k}] × [{k}, {n}]");
        int lanes = Vector<float>.Count, column = 0;
        if (!accumulate)
            c[..(m * n)].Clear();
        ref float a0 = ref MemoryMarshal.GetReference(a), b0 = ref MemoryMarshal.GetReference(b), c0 = ref MemoryMarshal.GetReference(c);
        for (; column + (2 * lanes) <= n; column += 2 * lanes)
        {
            int row = 0;
            for (; row + RowTile <= m; row += RowTile)
                Tile(ref Unsafe.Add(ref a0, row * rowStride), rowStride, columnStride, ref Unsafe.Add(ref b0, column), ref Unsafe.Add(ref c0, (row * n) + column), k, n);
            Rest(a, rowStride, columnStride, b, c, row, m, k, n, column, column + (2 * lanes));
        }

        Rest(a, rowStride, columnStride, b, c, 0, m, k, n, column, n);
    }

    private static void Tile(ref float a, int rowStride, int columnStride, ref float b, ref float c, int k, int n)
    {
        nuint lanes = (nuint)Vector<float>.Count, stride = (nuint)n;
        Vector<float> x00 = Vector.LoadUnsafe(ref c), x01 = Vector.LoadUnsafe(ref c, lanes);
        Vector<float> x10 = Vector.LoadUnsafe(ref c, stride), x11 = Vector.LoadUnsafe(ref c, stride + lanes);
        Vector<float> x20 = Vector.LoadUnsafe(ref c, 2 * stride), x21 = Vector.LoadUnsafe(ref c, (2 * stride) + lanes);
        Vector<float> x30 = Vector.LoadUnsafe(ref c, 3 * stride), x31 = Vector.LoadUnsafe(ref c, (3 * stride) + lanes);
        for (int depth = 0; depth < k; depth++)
        {
            var b0 = Vector.LoadUnsafe(ref b, (nuint)depth * stride);
            var b1 = Vector.LoadUnsafe(ref b, ((nuint)depth * stride) + lanes);
            ref float at = ref Unsafe.Add(ref a, depth * columnStride);
            var f0 = new Vector<float>(at);
            x00 = Vector.MultiplyAddEstimate(f0, b0, x00);
            x01 = Vector.MultiplyAddEstimate(f0, b1, x01);
            var f1 = new Vector<float>(Unsafe.Add(ref at, rowStride));
            x10 = Vector.MultiplyAddEstimate(f1, b0, x10);
            x11 = Vector.MultiplyAddEstimate(f1, b1, x11);
            var f2 = new Vector<float>(Unsafe.Add(ref at, 2 * rowStride));
            x20 = Vector.MultiplyAddEstimate(f2, b0, x20);
            x21 = Vector.MultiplyAddEstimate(f2, b1, x21);
            var f3 = new Vector<float>(Unsafe.Add(ref at, 3 * rowStride));
            x30 = Vector.MultiplyAddEstimate(f3, b0, x30);
            x31 = Vector.MultiplyAddEstimate(f3, b1, x31);
        }

        x00.StoreUnsafe(ref c);
        x01.StoreUnsafe(ref c, lanes);
        x10.StoreUnsafe(ref c, stride);
        x11.StoreUnsafe(ref c, stride + lanes);
        x20.StoreUnsafe(ref c, 2 * stride);
        x21.StoreUnsafe(ref c, (2 * stride) + lanes);
        x30.StoreUnsafe(ref c, 3 * stride);
        x31.StoreUnsafe(ref c, (3 * stride) + lanes);
    }

    /// <summary>What no tile covers, element by element.</summary>
    private static void Rest(ReadOnlySpan<float> a, int rowStride, int columnStride, ReadOnlySpan<float> b, Span<float> c, int firstRow, int rows, int k, int n, int firstColumn, int columns)
    {
        for (int row = firstRow; row < rows; row++)
        {
            for (int depth = 0; depth < k; depth++)
            {
                float factor = a[(row * rowStride) + (depth * columnStride)];
                for (int column = firstColumn; column < columns; column++)
                    c[(row * n) + column] += factor * b[(depth * n) + column];
            }
        }
    }
}
