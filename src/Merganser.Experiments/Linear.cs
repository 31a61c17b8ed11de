using System.Numerics;
using System.Runtime.InteropServices;

namespace Merganser.Experiments;

/// <summary>A linear layer: <c>y = x Wᵀ + b</c> for many rows at once.</summary>
internal sealed class Linear
{
    private const int RowTile = 4;

    private readonly int _inputs, _outputs, _padded;
    private readonly float[] _transposed; // [in, out], rows padded to whole vectors
    private readonly float[] _bias;

    /// <summary>Takes the weight as checkpoints store it: [out, in].</summary>
    public Linear(float[] weight, float[] bias, int inputs)
    {
        (_inputs, _outputs) = (inputs, bias.Length);
        int lanes = 2 * Vector<float>.Count;
        _padded = (_outputs + lanes - 1) / lanes * lanes;
        _bias = new float[_padded];
        bias.CopyTo(_bias, 0);
        _transposed = new float[inputs * _padded];
        for (int output = 0; output < _outputs; output++)
        {
            for (int input = 0; input < inputs; input++)
                _transposed[input * _padded + output] = weight[output * inputs + input];
        }
    }

    /// <summary>[rows, in] to [rows, out].</summary>
    public float[] Apply(ReadOnlySpan<float> x, int rows)
    {
        float[] y = new float[rows * _outputs];
        Apply(x, y, rows);
        return y;
    }

    /// <summary>[rows, in] to [rows, out], into <paramref name="y"/>.</summary>
    public void Apply(ReadOnlySpan<float> x, Span<float> y, int rows)
    {
        int step = 2 * Vector<float>.Count, row = 0;
        for (; row + RowTile <= rows; row += RowTile)
        {
            for (int column = 0; column < _padded; column += step)
                Tile(x.Slice(row * _inputs, RowTile * _inputs), y[(row * _outputs)..], column);
        }

        for (; row < rows; row++)
        {
            for (int output = 0; output < _outputs; output++)
            {
                float sum = _bias[output];
                for (int input = 0; input < _inputs; input++)
                    sum = MathF.FusedMultiplyAdd(x[row * _inputs + input], _transposed[input * _padded + output], sum);
                y[row * _outputs + output] = sum;
            }
        }
    }

    /// <summary>Four rows by two vectors of columns stay in registers over the whole depth.</summary>
    private void Tile(ReadOnlySpan<float> x, Span<float> y, int column)
    {
        int lanes = Vector<float>.Count;
        var biasA = new Vector<float>(_bias, column);
        var biasB = new Vector<float>(_bias, column + lanes);
        Vector<float> a0 = biasA, a1 = biasA, a2 = biasA, a3 = biasA, b0 = biasB, b1 = biasB, b2 = biasB, b3 = biasB;
        ReadOnlySpan<float> x0 = x[.._inputs], x1 = x.Slice(_inputs, _inputs), x2 = x.Slice(2 * _inputs, _inputs), x3 = x.Slice(3 * _inputs, _inputs);
        for (int input = 0; input < x0.Length; input++)
        {
            var wA = new Vector<float>(_transposed, input * _padded + column);
            var wB = new Vector<float>(_transposed, input * _padded + column + lanes);
            var f0 = new Vector<float>(x0[input]);
            var f1 = new Vector<float>(x1[input]);
            var f2 = new Vector<float>(x2[input]);
            var f3 = new Vector<float>(x3[input]);
            a0 = Vector.MultiplyAddEstimate(f0, wA, a0);
            b0 = Vector.MultiplyAddEstimate(f0, wB, b0);
            a1 = Vector.MultiplyAddEstimate(f1, wA, a1);
            b1 = Vector.MultiplyAddEstimate(f1, wB, b1);
            a2 = Vector.MultiplyAddEstimate(f2, wA, a2);
            b2 = Vector.MultiplyAddEstimate(f2, wB, b2);
            a3 = Vector.MultiplyAddEstimate(f3, wA, a3);
            b3 = Vector.MultiplyAddEstimate(f3, wB, b3);
        }

        Store(a0, b0, y, column);
        Store(a1, b1, y[_outputs..], column);
        Store(a2, b2, y[(2 * _outputs)..], column);
        Store(a3, b3, y[(3 * _outputs)..], column);
    }

    /// <summary>Stores what lies inside the row: the last columns may be padding.</summary>
    private void Store(Vector<float> a, Vector<float> b, Span<float> row, int column)
    {
        int lanes = Vector<float>.Count;
        if (column + 2 * lanes <= _outputs)
        {
            a.CopyTo(row[column..]);
            b.CopyTo(row[(column + lanes)..]);
            return;
        }

        ReadOnlySpan<Vector<float>> both = [a, b];
        MemoryMarshal.Cast<Vector<float>, float>(both)[..(_outputs - column)].CopyTo(row[column..]);
    }
}
