using System.Numerics.Tensors;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>y = act(G·x)·(U·x) in one hand-off: the rows of G and, behind them, those of U are one matrix.</summary>
internal sealed unsafe class GatedWork(PackedMatrix matrix, MatrixInput input, float* output, float[]? bias, GateActivation activation, int members) : TeamWork
{
    private const int LargestBlock = 64;
    private const int WholeVectors = 16;

    private readonly int _rows = matrix.Rows / 2;
    private readonly int _block = Math.Min(LargestBlock, RowWork.BlockSize(matrix.Rows / 2, members));
    private Line _next;

    public override void Begin()
    {
        input.Prepare();
        _next.Value = 0;
    }

    public override void Run(int member)
    {
        float* gate = stackalloc float[LargestBlock], up = stackalloc float[LargestBlock];
        new Span<float>(gate, LargestBlock).Clear();
        while (RowWork.Take(ref _next, _block, _rows, out int first, out int after))
        {
            int count = after - first;
            MatrixVector.Multiply(matrix, input, first, after, gate);
            MatrixVector.Multiply(matrix, input, _rows + first, _rows + after, up);
            Span<float> gates = new(gate, count), ups = new(up, count);
            if (bias is not null)
            {
                TensorPrimitives.Add(gates, bias.AsSpan(first, count), gates);
                TensorPrimitives.Add(ups, bias.AsSpan(_rows + first, count), ups);
            }

            // Whole vectors only: the rest of a span may be computed otherwise, and where blocks end depends on the number of threads.
            activation.Apply(new Span<float>(gate, (count + WholeVectors - 1) / WholeVectors * WholeVectors));
            TensorPrimitives.Multiply(gates, ups, new Span<float>(output + first, count));
        }
    }
}
