using CsCheck;
using Merganser.Neural.Decoding.Cpu;

namespace Merganser.Neural.Tests.Decoding;

/// <summary>Kernels against a plain double loop over what was stored; every vector width, on machines without it in software.</summary>
public sealed unsafe class MatrixVectorTests
{
    private static readonly Gen<(int Rows, int Columns, int Format, int Seed)> Cases = Gen.Select(Gen.Int[1, 40], Gen.Int[1, 700], Gen.Int[0, 2], Gen.Int);

    [Fact]
    public void A_product_is_the_sum_over_the_stored_weights() => Cases.Sample(static c => Check(c.Rows, c.Columns, (WeightFormat)c.Format, c.Seed), iter: 150);

    [Fact]
    public void Long_rows_at_full_scale_do_not_overflow() => Check(2, 40_001, WeightFormat.Int8, 5, full: true);

    [Theory]
    [InlineData(WeightFormat.Float32, 0)]
    [InlineData(WeightFormat.BFloat16, 1.0 / 256)]
    [InlineData(WeightFormat.Int8, 1.0 / 254)]
    public void A_row_comes_back_within_the_rounding_of_its_format(WeightFormat format, double part)
    {
        float[] row = Values(77, 3);
        using var memory = new PackedWeights(1 << 20);
        var matrix = new PackedMatrix(memory, 1, row.Length, format);
        matrix.Pack(0, row);
        float[] back = new float[row.Length];
        matrix.Unpack(0, back);
        float largest = row.Max(Math.Abs);
        for (int i = 0; i < row.Length; i++)
            Assert.True(Math.Abs(row[i] - back[i]) <= part * 1.001 * (format == WeightFormat.Int8 ? largest : Math.Abs(row[i])), $"{row[i]} became {back[i]}");
    }

    [Fact]
    public void Rows_and_vectors_of_zeros_give_zero()
    {
        foreach (WeightFormat format in Enum.GetValues<WeightFormat>())
        {
            using var memory = new PackedWeights(1 << 20);
            var matrix = new PackedMatrix(memory, 2, 33, format);
            matrix.Pack(1, Values(33, 1));
            var input = new MatrixInput(memory, 33, format);
            input.Prepare();
            float* output = (float*)memory.Take(8);
            MatrixVector.Multiply(matrix, input, 0, 2, output);
            Assert.Equal([0f, 0f], new Span<float>(output, 2).ToArray());
            Values(33, 2).CopyTo(input.Span);
            input.Prepare();
            MatrixVector.Multiply(matrix, input, 0, 1, output);
            Assert.Equal(0f, output[0]);
        }
    }

    private static void Check(int rows, int columns, WeightFormat format, int seed, bool full = false)
    {
        using var memory = new PackedWeights(PackedMatrix.Size(rows, columns, format) + MatrixInput.Size(columns) + 4096);
        var matrix = new PackedMatrix(memory, rows, columns, format);
        for (int row = 0; row < rows; row++)
            matrix.Pack(row, full ? [.. Enumerable.Repeat(1f, columns)] : Values(columns, seed + row));
        var input = new MatrixInput(memory, columns, format);
        (full ? [.. Enumerable.Repeat(1f, columns)] : Values(columns, seed - 1)).CopyTo(input.Span);
        input.Prepare();
        float* output = (float*)memory.Take(sizeof(float) * (long)rows);
        MatrixVector.Multiply(matrix, input, 0, rows, output);
        float[] stored = new float[columns];
        for (int row = 0; row < rows; row++)
        {
            matrix.Unpack(row, stored);
            double sum = 0, size = 0;
            for (int i = 0; i < columns; i++)
            {
                double x = format == WeightFormat.Int8 ? (double)input.Quantized[i] * input.Scale : input.Span[i];
                sum += stored[i] * x;
                size += Math.Abs(stored[i] * x);
            }

            foreach (float product in Products(matrix, input, row).Append(output[row]))
                Assert.True(Math.Abs(product - sum) <= 2e-6 * size, $"[{rows}, {columns}] {format}, row {row}: {product} in place of {sum}");
        }
    }

    private static List<float> Products(PackedMatrix matrix, MatrixInput input, int row)
    {
        byte* data = matrix.Row(row);
        int count = matrix.PaddedColumns;
        switch (matrix.Format)
        {
            case WeightFormat.Float32:
                float* x = input.Values;
                return [SingleKernel.Dot128((float*)data, x, count), SingleKernel.Dot256((float*)data, x, count), SingleKernel.Dot512((float*)data, x, count)];
            case WeightFormat.BFloat16:
                float* even = input.Even, odd = input.Odd;
                return [BFloat16Kernel.Dot128((ushort*)data, even, odd, count), BFloat16Kernel.Dot256((ushort*)data, even, odd, count), BFloat16Kernel.Dot512((ushort*)data, even, odd, count)];
            default:
                float scale = matrix.Scale(row) * input.Scale;
                short* quantized = input.Quantized;
                return [scale * Int8Kernel.Dot128((sbyte*)data, quantized, count), scale * Int8Kernel.Dot256((sbyte*)data, quantized, count), scale * Int8Kernel.Dot512((sbyte*)data, quantized, count)];
        }
    }

    private static float[] Values(int count, int seed)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = (random.NextSingle() - 0.5f) * 4;
        return values;
    }
}
