using System.Numerics.Tensors;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>y = W·x (+ b) by blocks of rows that members take from a counter, so that a member that is held up keeps no other waiting.</summary>
internal sealed unsafe class RowWork(PackedMatrix matrix, MatrixInput input, float* output, float[]? bias, int members) : TeamWork
{
    private readonly int _block = BlockSize(matrix.Rows, members);
    private Line _next;

    public override void Begin()
    {
        input.Prepare();
        _next.Value = 0;
    }

    public override void Run(int member)
    {
        while (Take(ref _next, _block, matrix.Rows, out int first, out int after))
        {
            MatrixVector.Multiply(matrix, input, first, after, output + first);
            if (bias is not null)
            {
                var block = new Span<float>(output + first, after - first);
                TensorPrimitives.Add(block, bias.AsSpan(first, after - first), block);
            }
        }
    }

    /// <summary>At most 64 rows; fewer where a matrix is so small that the last block would leave others idle.</summary>
    internal static int BlockSize(int rows, int members) => members == 1 ? rows : Math.Clamp(rows / (members * 8), 4, 64);

    internal static bool Take(ref Line next, int block, int rows, out int first, out int after)
    {
        first = Interlocked.Add(ref next.Value, block) - block;
        after = Math.Min(rows, first + block);
        return first < rows;
    }
}
