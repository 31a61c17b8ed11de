namespace Merganser.Neural.Decoding.Cpu;

/// <summary>
/// y = W·x for one vector, row by row. One row at a time reads memory as one stream, which hardware prefetching follows best; several rows
/// at once measured less than half as fast on matrices beyond the caches. A row's result does not depend on the number of threads.
/// </summary>
internal static unsafe class MatrixVector
{
    /// <summary>The products of some rows.</summary>
    /// <param name="matrix">W.</param>
    /// <param name="input">x, prepared for the format of W.</param>
    /// <param name="first">The first row.</param>
    /// <param name="after">The row behind the last.</param>
    /// <param name="output">Where the product of row <paramref name="first"/> goes, and the others behind it.</param>
    public static void Multiply(PackedMatrix matrix, MatrixInput input, int first, int after, float* output)
    {
        int count = matrix.PaddedColumns;
        switch (matrix.Format)
        {
            case WeightFormat.Float32:
                float* x = input.Values;
                for (int row = first; row < after; row++)
                    *output++ = SingleKernel.Dot((float*)matrix.Row(row), x, count);
                break;
            case WeightFormat.BFloat16:
                float* even = input.Even, odd = input.Odd;
                for (int row = first; row < after; row++)
                    *output++ = BFloat16Kernel.Dot((ushort*)matrix.Row(row), even, odd, count);
                break;
            default:
                short* quantized = input.Quantized;
                for (int row = first; row < after; row++)
                    *output++ = Int8Kernel.Dot((sbyte*)matrix.Row(row), quantized, count) * (matrix.Scale(row) * input.Scale);
                break;
        }
    }
}
