using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>
/// The vector of a matrix-vector product in the form that the kernel of a format wants, prepared once and read by all rows: as it is
/// (float32), split into even and odd places (bfloat16: then weights need no shuffling, only a shift and a mask), or rounded to 16-bit
/// integers with one scale (int8). Padding is zero.
/// </summary>
internal sealed unsafe class MatrixInput
{
    private const int Padding = 64;

    private readonly int _padded;

    public MatrixInput(PackedWeights memory, int columns, WeightFormat format)
    {
        (Columns, Format) = (columns, format);
        _padded = (columns + Padding - 1) / Padding * Padding;
        Values = (float*)memory.Take(sizeof(float) * (long)_padded);
        if (format == WeightFormat.BFloat16)
        {
            Even = (float*)memory.Take(sizeof(float) * (long)_padded / 2);
            Odd = (float*)memory.Take(sizeof(float) * (long)_padded / 2);
        }
        else if (format == WeightFormat.Int8)
        {
            Quantized = (short*)memory.Take(sizeof(short) * (long)_padded);
        }
    }

    public int Columns { get; }

    public WeightFormat Format { get; }

    /// <summary>What callers fill before <see cref="Prepare"/>.</summary>
    public float* Values { get; }

    public float* Even { get; }

    public float* Odd { get; }

    public short* Quantized { get; }

    public float Scale { get; private set; }

    public Span<float> Span => new(Values, Columns);

    /// <summary>The bytes that an input will take.</summary>
    public static long Size(int columns) => 12 * (long)(columns + Padding) + (4 * PackedWeights.Alignment);

    /// <summary>Makes the other forms from <see cref="Values"/>.</summary>
    public void Prepare()
    {
        if (Format == WeightFormat.BFloat16)
            Split(Values, Even, Odd, _padded);
        else if (Format == WeightFormat.Int8)
            Quantize();
    }

    /// <summary>Even and odd places apart; the count is a multiple of 16.</summary>
    public static void Split(float* source, float* even, float* odd, int count)
    {
        for (int i = 0; i < count; i += 16)
        {
            Vector256<float> a = Vector256.Shuffle(Vector256.Load(source + i), Vector256.Create(0, 2, 4, 6, 1, 3, 5, 7));
            Vector256<float> b = Vector256.Shuffle(Vector256.Load(source + i + 8), Vector256.Create(0, 2, 4, 6, 1, 3, 5, 7));
            Vector256.Create(a.GetLower(), b.GetLower()).Store(even + (i / 2));
            Vector256.Create(a.GetUpper(), b.GetUpper()).Store(odd + (i / 2));
        }
    }

    private void Quantize()
    {
        float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(new ReadOnlySpan<float>(Values, Columns)));
        Scale = largest / short.MaxValue;
        Vector256<float> inverse = Vector256.Create(largest == 0 ? 0 : short.MaxValue / largest);
        for (int i = 0; i < _padded; i += 16)
        {
            Vector256<int> low = Vector256.ConvertToInt32(Vector256.Round(Vector256.Load(Values + i) * inverse));
            Vector256<int> high = Vector256.ConvertToInt32(Vector256.Round(Vector256.Load(Values + i + 8) * inverse));
            Vector256.Narrow(low, high).Store(Quantized + i);
        }
    }
}
