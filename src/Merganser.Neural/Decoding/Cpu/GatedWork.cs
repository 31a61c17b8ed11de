using System.Numerics.Tensors;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>y = act(G·x)·(U·x) in one hand-off: the rows of G and, behind them, those of U are one matrix.</summary>
internal sealed unsafe class GatedWork(PackedMatrix matrix, MatrixInput input, float* output, float[]? bias, GateActivation activation, int members) : TeamWork
{
    private const int LargestBlock = 64;

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
        float* up = stackalloc float[LargestBlock];
        while (RowWork.Take(ref _next, _block, _rows, out int first, out int after))
        {
            MatrixVector.Multiply(matrix, input, first, after, output + first);
            MatrixVector.Multiply(matrix, input, _rows + first, _rows + after, up);
            Span<float> gates = new(output + first, after - first), ups = new(up, after - first);
            if (bias is not null)
            {
                TensorPrimitives.Add(gates, bias.AsSpan(first, gates.Length), gates);
                TensorPrimitives.Add(ups, bias.AsSpan(_rows + first, gates.Length), ups);
            }

            activation.Apply(gates);
            TensorPrimitives.Multiply(gates, ups, gates);
        }
    }
}
