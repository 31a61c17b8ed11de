using System.Buffers;
using System.Runtime.Intrinsics;
using Merganser.Checkpoints;
using Merganser.Weights.Spectral;

namespace Merganser.Weights.Moe;

/// <summary>
/// Products with matrices that stay on the disk: <c>y[t, r] = Σ_k x[t, k]·w[r, k] + b[r]</c>. Blocks of rows of w are read,
/// widened to float32 piece by piece and multiplied with all tokens, so a thread needs one block and no more. A block's
/// results do not depend on other blocks, so threads do not change them.
/// </summary>
internal static unsafe class StreamedProduct
{
    private const int BlockRows = 48;
    private const int Panel = 1024;

    /// <param name="weight">[rows, columns].</param>
    /// <param name="bias">[rows]; null for none.</param>
    /// <param name="x">[tokens, columns].</param>
    /// <param name="tokens">The number of tokens.</param>
    /// <param name="y">[tokens, rows]; every element is set.</param>
    /// <param name="threads">Worker threads.</param>
    public static void Multiply(TensorSource weight, float[]? bias, ReadOnlyMemory<float> x, int tokens, Memory<float> y, int threads)
    {
        int rows = checked((int)weight.Info.Shape[0]), columns = checked((int)weight.Info.Shape[1]);
        int elementSize = weight.Info.DType.Size();
        if (x.Length < (long)tokens * columns || y.Length < (long)tokens * rows)
            throw new ArgumentException($"{x.Length} and {y.Length} elements do not hold {tokens} tokens of {columns} and {rows}");
        Work.Run(threads, (rows + BlockRows - 1) / BlockRows, block =>
        {
            int first = block * BlockRows;
            int count = Math.Min(BlockRows, rows - first);
            int rowBytes = columns * elementSize;
            byte[] bytes = ArrayPool<byte>.Shared.Rent(checked(count * rowBytes));
            float[] panel = ArrayPool<float>.Shared.Rent(BlockRows * Panel);
            weight.Read((long)first * rowBytes, bytes.AsSpan(0, count * rowBytes));
            fixed (float* xStart = x.Span, yStart = y.Span, w = panel)
            {
                for (int column = 0; column < columns; column += Panel)
                {
                    int depth = Math.Min(Panel, columns - column);
                    for (int row = 0; row < count; row++)
                        TensorCast.ToSingle(bytes.AsSpan((row * rowBytes) + (column * elementSize), depth * elementSize), weight.Info.DType, panel.AsSpan(row * Panel, depth));
                    for (int token = 0; token < tokens; token += 4)
                    {
                        for (int row = 0; row < count; row += 3)
                            Tile(xStart, columns, column, token, tokens, w, row, count, depth, yStart + first, rows, column == 0 ? bias.AsSpan(bias is null ? 0 : first) : default);
                    }
                }
            }

            ArrayPool<byte>.Shared.Return(bytes);
            ArrayPool<float>.Shared.Return(panel);
        });
    }

    /// <summary>Four tokens by three rows. At the edges the last token or row stands in for the missing ones, and is not stored.</summary>
    private static void Tile(float* x, int columns, int column, int token, int tokens, float* w, int row, int rows, int depth, float* y, int stride, ReadOnlySpan<float> bias)
    {
        float* x0 = x + ((long)token * columns) + column;
        float* x1 = x + ((long)Math.Min(token + 1, tokens - 1) * columns) + column;
        float* x2 = x + ((long)Math.Min(token + 2, tokens - 1) * columns) + column;
        float* x3 = x + ((long)Math.Min(token + 3, tokens - 1) * columns) + column;
        float* w0 = w + (row * Panel);
        float* w1 = w + (Math.Min(row + 1, rows - 1) * Panel);
        float* w2 = w + (Math.Min(row + 2, rows - 1) * Panel);
        Vector256<float> a00 = default, a01 = default, a02 = default, a10 = default, a11 = default, a12 = default;
        Vector256<float> a20 = default, a21 = default, a22 = default, a30 = default, a31 = default, a32 = default;
        int k = 0;
        for (; k <= depth - Vector256<float>.Count; k += Vector256<float>.Count)
        {
            Vector256<float> b0 = Vector256.Load(w0 + k), b1 = Vector256.Load(w1 + k), b2 = Vector256.Load(w2 + k);
            Vector256<float> a = Vector256.Load(x0 + k);
            a00 = Vector256.FusedMultiplyAdd(a, b0, a00);
            a01 = Vector256.FusedMultiplyAdd(a, b1, a01);
            a02 = Vector256.FusedMultiplyAdd(a, b2, a02);
            a = Vector256.Load(x1 + k);
            a10 = Vector256.FusedMultiplyAdd(a, b0, a10);
            a11 = Vector256.FusedMultiplyAdd(a, b1, a11);
            a12 = Vector256.FusedMultiplyAdd(a, b2, a12);
            a = Vector256.Load(x2 + k);
            a20 = Vector256.FusedMultiplyAdd(a, b0, a20);
            a21 = Vector256.FusedMultiplyAdd(a, b1, a21);
            a22 = Vector256.FusedMultiplyAdd(a, b2, a22);
            a = Vector256.Load(x3 + k);
            a30 = Vector256.FusedMultiplyAdd(a, b0, a30);
            a31 = Vector256.FusedMultiplyAdd(a, b1, a31);
            a32 = Vector256.FusedMultiplyAdd(a, b2, a32);
        }

        float* sums = stackalloc float[12]
        {
            Vector256.Sum(a00), Vector256.Sum(a01), Vector256.Sum(a02), Vector256.Sum(a10), Vector256.Sum(a11), Vector256.Sum(a12),
            Vector256.Sum(a20), Vector256.Sum(a21), Vector256.Sum(a22), Vector256.Sum(a30), Vector256.Sum(a31), Vector256.Sum(a32),
        };
        int width = Math.Min(3, rows - row);
        for (int i = 0; i < Math.Min(4, tokens - token); i++)
        {
            float* from = x + ((long)(token + i) * columns) + column;
            float* to = y + ((long)(token + i) * stride) + row;
            for (int j = 0; j < width; j++)
            {
                float sum = sums[(i * 3) + j];
                for (int tail = k; tail < depth; tail++)
                    sum += from[tail] * w[((row + j) * Panel) + tail];
                to[j] = sum + (column == 0 ? (bias.IsEmpty ? 0 : bias[row + j]) : to[j]);
            }
        }
    }
}
