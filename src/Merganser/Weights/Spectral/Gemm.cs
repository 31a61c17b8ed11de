using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Weights.Spectral;

/// <summary>
/// Matrix product in double precision: panels of both operands are packed so that a register block of 6×8 results streams
/// through the caches. Operands may be floats (widened while packing) and may be transposed (strides). Every element of
/// the result is summed in the same order whatever the number of threads.
/// </summary>
internal static unsafe class Gemm
{
    private const int Mr = 6;
    private const int Nr = 8;
    private const int Kc = 256;
    private const int Mc = 96;
    private const int Nc = 512;

    /// <summary><c>C = α·A·B</c>, or <c>C += α·A·B</c>. C must be row-major doubles.</summary>
    public static void Multiply(MatrixView a, MatrixView b, MatrixView c, int threads, double alpha = 1, bool accumulate = false)
    {
        if (a.Columns != b.Rows || a.Rows != c.Rows || b.Columns != c.Columns || c.ColumnStride != 1 || c.Doubles == null)
            throw new ArgumentException($"shapes do not fit: [{a.Rows}, {a.Columns}] × [{b.Rows}, {b.Columns}] -> [{c.Rows}, {c.Columns}]");
        if (c.Rows == 0 || c.Columns == 0)
            return;
        if (a.Columns == 0)
        {
            for (int row = 0; row < c.Rows && !accumulate; row++)
                new Span<double>(c.Doubles + ((long)row * c.RowStride), c.Columns).Clear();
            return;
        }

        bool small = 2.0 * c.Rows * c.Columns * a.Columns < 2e6;
        int pieces = small ? 1 : Math.Max(1, threads);
        bool byRows = c.Rows >= c.Columns;
        int unit = byRows ? Mr : Nr;
        int extent = byRows ? c.Rows : c.Columns;
        int share = ((extent + (pieces * unit) - 1) / (pieces * unit)) * unit;
        pieces = (extent + share - 1) / share;
        Work.Run(threads, pieces, piece =>
        {
            int first = piece * share;
            int count = Math.Min(share, extent - first);
            if (byRows)
                Serial(a.Block(first, 0, count, a.Columns), b, c.Block(first, 0, count, c.Columns), alpha, accumulate);
            else
                Serial(a, b.Block(0, first, b.Rows, count), c.Block(0, first, c.Rows, count), alpha, accumulate);
        });
        GC.KeepAlive(a.Owner);
        GC.KeepAlive(b.Owner);
        GC.KeepAlive(c.Owner);
    }

    /// <summary><c>C = AᵀA</c> (columns of A by columns of A); one half is computed, the other mirrored.</summary>
    public static Matrix Gram(MatrixView a, int threads)
    {
        const int Step = 192;
        var gram = new Matrix(a.Columns, a.Columns);
        MatrixView transposed = a.Transpose();
        for (int first = 0; first < a.Columns; first += Step)
        {
            int count = Math.Min(Step, a.Columns - first);
            Multiply(transposed.Block(first, 0, a.Columns - first, a.Rows), a.Block(0, first, a.Rows, count), gram.Block(first, first, a.Columns - first, count), threads);
        }

        for (int row = 0; row < gram.Rows; row++)
        {
            for (int column = row + 1; column < gram.Columns; column++)
                gram[row, column] = gram[column, row];
        }

        return gram;
    }

    private static void Serial(MatrixView a, MatrixView b, MatrixView c, double alpha, bool accumulate)
    {
        int depth = Math.Min(Kc, a.Columns);
        int height = Math.Min(Mc, (c.Rows + Mr - 1) / Mr * Mr);
        int width = Math.Min(Nc, (c.Columns + Nr - 1) / Nr * Nr);
        double* packedA = (double*)NativeMemory.AlignedAlloc((nuint)(height * depth * sizeof(double)), 64);
        double* packedB = (double*)NativeMemory.AlignedAlloc((nuint)(width * depth * sizeof(double)), 64);
        try
        {
            double* corner = stackalloc double[Mr * Nr];
            for (int jc = 0; jc < c.Columns; jc += Nc)
            {
                int columns = Math.Min(Nc, c.Columns - jc);
                for (int pc = 0; pc < a.Columns; pc += Kc)
                {
                    int k = Math.Min(Kc, a.Columns - pc);
                    bool add = accumulate || pc > 0;
                    Pack(b.Block(pc, jc, k, columns).Transpose(), packedB, Nr);
                    for (int ic = 0; ic < c.Rows; ic += Mc)
                    {
                        int rows = Math.Min(Mc, c.Rows - ic);
                        Pack(a.Block(ic, pc, rows, k), packedA, Mr);
                        for (int j = 0; j < columns; j += Nr)
                        {
                            for (int i = 0; i < rows; i += Mr)
                            {
                                double* target = c.Doubles + ((long)(ic + i) * c.RowStride) + jc + j;
                                int m = Math.Min(Mr, rows - i);
                                int n = Math.Min(Nr, columns - j);
                                if (m == Mr && n == Nr)
                                {
                                    Kernel(k, packedA + (i * k), packedB + (j * k), target, c.RowStride, alpha, add);
                                    continue;
                                }

                                Kernel(k, packedA + (i * k), packedB + (j * k), corner, Nr, alpha, false);
                                for (int row = 0; row < m; row++)
                                {
                                    for (int column = 0; column < n; column++)
                                    {
                                        double value = corner[(row * Nr) + column];
                                        double* element = target + ((long)row * c.RowStride) + column;
                                        *element = add ? *element + value : value;
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        finally
        {
            NativeMemory.AlignedFree(packedA);
            NativeMemory.AlignedFree(packedB);
        }
    }

    /// <summary>Packs rows in strips of <paramref name="strip"/>: inside a strip the depth runs slowest. Missing rows are zeros.</summary>
    private static void Pack(MatrixView source, double* target, int strip)
    {
        for (int first = 0; first < source.Rows; first += strip)
        {
            int rows = Math.Min(strip, source.Rows - first);
            MatrixView part = source.Block(first, 0, rows, source.Columns);
            if (part.Doubles != null)
                PackDoubles(part, target, strip);
            else
                PackSingles(part, target, strip);
            target += (long)strip * source.Columns;
        }
    }

    private static void PackDoubles(MatrixView part, double* target, int strip)
    {
        if (part.RowStride == 1 && part.Rows == Nr && strip == Nr)
        {
            for (int k = 0; k < part.Columns; k++)
            {
                double* from = part.Doubles + ((long)k * part.ColumnStride);
                Vector256.Load(from).Store(target + (k * Nr));
                Vector256.Load(from + 4).Store(target + (k * Nr) + 4);
            }

            return;
        }

        for (int row = 0; row < strip; row++)
        {
            double* from = part.Doubles + ((long)row * part.RowStride);
            long stride = part.ColumnStride;
            for (int k = 0; k < part.Columns; k++)
                target[(k * strip) + row] = row < part.Rows ? from[k * stride] : 0;
        }
    }

    private static void PackSingles(MatrixView part, double* target, int strip)
    {
        if (part.RowStride == 1 && part.Rows == Nr && strip == Nr)
        {
            for (int k = 0; k < part.Columns; k++)
            {
                (Vector256<double> low, Vector256<double> high) = Vector256.Widen(Vector256.Load(part.Singles + ((long)k * part.ColumnStride)));
                low.Store(target + (k * Nr));
                high.Store(target + (k * Nr) + 4);
            }

            return;
        }

        for (int row = 0; row < strip; row++)
        {
            float* from = part.Singles + ((long)row * part.RowStride);
            long stride = part.ColumnStride;
            for (int k = 0; k < part.Columns; k++)
                target[(k * strip) + row] = row < part.Rows ? from[k * stride] : 0;
        }
    }

    private static void Kernel(int depth, double* a, double* b, double* c, int stride, double alpha, bool add)
    {
        Vector256<double> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector256<double> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        for (int k = 0; k < depth; k++)
        {
            Vector256<double> b0 = Vector256.Load(b);
            Vector256<double> b1 = Vector256.Load(b + 4);
            Vector256<double> value = Vector256.Create(a[0]);
            c00 = Vector256.FusedMultiplyAdd(value, b0, c00);
            c01 = Vector256.FusedMultiplyAdd(value, b1, c01);
            value = Vector256.Create(a[1]);
            c10 = Vector256.FusedMultiplyAdd(value, b0, c10);
            c11 = Vector256.FusedMultiplyAdd(value, b1, c11);
            value = Vector256.Create(a[2]);
            c20 = Vector256.FusedMultiplyAdd(value, b0, c20);
            c21 = Vector256.FusedMultiplyAdd(value, b1, c21);
            value = Vector256.Create(a[3]);
            c30 = Vector256.FusedMultiplyAdd(value, b0, c30);
            c31 = Vector256.FusedMultiplyAdd(value, b1, c31);
            value = Vector256.Create(a[4]);
            c40 = Vector256.FusedMultiplyAdd(value, b0, c40);
            c41 = Vector256.FusedMultiplyAdd(value, b1, c41);
            value = Vector256.Create(a[5]);
            c50 = Vector256.FusedMultiplyAdd(value, b0, c50);
            c51 = Vector256.FusedMultiplyAdd(value, b1, c51);
            a += Mr;
            b += Nr;
        }

        Store(c, c00, c01, alpha, add);
        Store(c + stride, c10, c11, alpha, add);
        Store(c + (2L * stride), c20, c21, alpha, add);
        Store(c + (3L * stride), c30, c31, alpha, add);
        Store(c + (4L * stride), c40, c41, alpha, add);
        Store(c + (5L * stride), c50, c51, alpha, add);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(double* c, Vector256<double> low, Vector256<double> high, double alpha, bool add)
    {
        low *= alpha;
        high *= alpha;
        if (add)
        {
            low += Vector256.Load(c);
            high += Vector256.Load(c + 4);
        }

        low.Store(c);
        high.Store(c + 4);
    }
}
