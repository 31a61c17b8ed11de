using System.Numerics.Tensors;
using Merganser.Checkpoints;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>
/// A matrix [rows, columns] in packed memory. Rows are padded with zeros to whole cache lines, so that no kernel needs a tail for any
/// number of columns. Several matrices that multiply the same vector are one matrix with more rows.
/// </summary>
internal sealed unsafe class PackedMatrix
{
    private readonly byte* _data;
    private readonly float* _scales;

    public PackedMatrix(PackedWeights memory, int rows, int columns, WeightFormat format)
    {
        (Rows, Columns, Format) = (rows, columns, format);
        Stride = RowBytes(columns, format);
        _data = memory.Take(Stride * rows);
        _scales = format == WeightFormat.Int8 ? (float*)memory.Take(sizeof(float) * (long)rows) : null;
    }

    public int Rows { get; }

    public int Columns { get; }

    public WeightFormat Format { get; }

    /// <summary>The bytes from row to row.</summary>
    public long Stride { get; }

    /// <summary>The bytes that one product reads.</summary>
    public long Bytes => (Stride * Rows) + (_scales is null ? 0 : sizeof(float) * (long)Rows);

    /// <summary>The columns with the padding: what kernels run over.</summary>
    public int PaddedColumns => (int)(Stride / Format.Bytes());

    /// <summary>The bytes that a matrix will take.</summary>
    public static long Size(int rows, int columns, WeightFormat format) =>
        checked(PackedWeights.Rounded(RowBytes(columns, format) * rows) + (format == WeightFormat.Int8 ? PackedWeights.Rounded(sizeof(float) * (long)rows) : 0));

    public byte* Row(int row) => _data + (row * Stride);

    public float Scale(int row) => _scales[row];

    /// <summary>Stores one row.</summary>
    public void Pack(int row, ReadOnlySpan<float> values)
    {
        if (values.Length != Columns || (uint)row >= (uint)Rows)
            throw new ArgumentException($"row {row} with {values.Length} columns is none of [{Rows}, {Columns}]", nameof(values));
        switch (Format)
        {
            case WeightFormat.Float32:
                values.CopyTo(new Span<float>(Row(row), Columns));
                break;
            case WeightFormat.BFloat16:
                TensorCast.FromSingle(values, DType.BF16, new Span<byte>(Row(row), 2 * Columns));
                break;
            default:
                _scales[row] = Quantize(values, new Span<sbyte>(Row(row), Columns));
                break;
        }
    }

    /// <summary>Reads one row back.</summary>
    public void Unpack(int row, Span<float> values)
    {
        switch (Format)
        {
            case WeightFormat.Float32:
                new ReadOnlySpan<float>(Row(row), Columns).CopyTo(values);
                break;
            case WeightFormat.BFloat16:
                TensorCast.ToSingle(new ReadOnlySpan<byte>(Row(row), 2 * Columns), DType.BF16, values);
                break;
            default:
                TensorPrimitives.ConvertChecked(new ReadOnlySpan<sbyte>(Row(row), Columns), values);
                TensorPrimitives.Multiply(values, _scales[row], values);
                break;
        }
    }

    private static float Quantize(ReadOnlySpan<float> values, Span<sbyte> quantized)
    {
        float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(values));
        if (largest == 0)
        {
            quantized.Clear();
            return 0;
        }

        // A row with an infinity or NaN cannot be stored; its scale makes every sum NaN, as the row would have done.
        if (!float.IsFinite(largest))
        {
            quantized.Fill(1);
            return float.NaN;
        }

        double inverse = 127.0 / largest;
        for (int i = 0; i < values.Length; i++)
            quantized[i] = (sbyte)Math.Round(values[i] * inverse);
        return largest / 127;
    }

    private static long RowBytes(int columns, WeightFormat format) => PackedWeights.Rounded(checked((long)columns * format.Bytes()));
}
