using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Neural.Models.Processing;

/// <summary>
/// Makes pictures smaller and larger with the results of Pillow, byte for byte: the filter widens with the reduction, weights are whole
/// numbers of 2⁻²², columns come first, and bytes lie between the two passes. A pass that changes nothing is left out.
/// </summary>
public static class Resampler
{
    private const int Precision = 22;

    /// <summary>Changes the size.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="height">The new number of rows.</param>
    /// <param name="width">The new number of columns.</param>
    /// <param name="filter">The weights.</param>
    public static Picture Resize(Picture picture, int height, int width, ResampleFilter filter)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if ((height, width) == (picture.Height, picture.Width))
            return picture;
        int channels = picture.Channels;
        if (filter == ResampleFilter.Nearest)
            return new Picture(height, width, channels, Nearest(picture, height, width));
        byte[] pixels = picture.Pixels;
        if (width != picture.Width)
            pixels = Across(pixels, picture.Height, picture.Width, channels, Weights(picture.Width, width, filter));
        if (height != picture.Height)
            pixels = Down(pixels, width * channels, Weights(picture.Height, height, filter));
        return new Picture(height, width, channels, pixels);
    }

    private static byte[] Nearest(Picture picture, int height, int width)
    {
        byte[] result = new byte[checked(height * width * picture.Channels)];
        int[] columns = Places(picture.Width, width), rows = Places(picture.Height, height);
        int channels = picture.Channels, to = 0;
        foreach (int row in rows)
        {
            ReadOnlySpan<byte> line = picture.Pixels.AsSpan(row * picture.Width * channels);
            foreach (int column in columns)
            {
                line.Slice(column * channels, channels).CopyTo(result.AsSpan(to));
                to += channels;
            }
        }

        return result;
    }

    private static int[] Places(int size, int newSize)
    {
        int[] places = new int[newSize];
        double scale = (double)size / newSize, place = scale * 0.5;
        for (int i = 0; i < newSize; i++, place += scale) // Added up step by step: the rounding of the sum decides at the edges.
            places[i] = Math.Min(size - 1, (int)place);
        return places;
    }

    private static byte[] Across(byte[] pixels, int height, int width, int channels, (int First, int[] Weights)[] places)
    {
        byte[] result = new byte[checked(height * places.Length * channels)];
        int to = 0;
        for (int y = 0; y < height; y++)
        {
            ReadOnlySpan<byte> row = pixels.AsSpan(y * width * channels, width * channels);
            foreach ((int first, int[] weights) in places)
            {
                if (channels == 1)
                {
                    int sum = 1 << (Precision - 1);
                    for (int i = 0; i < weights.Length; i++)
                        sum += row[first + i] * weights[i];
                    result[to++] = Byte(sum);
                    continue;
                }

                int red = 1 << (Precision - 1), green = red, blue = red, from = first * 3;
                foreach (int weight in weights)
                {
                    ReadOnlySpan<byte> pixel = row.Slice(from, 3);
                    red += pixel[0] * weight;
                    green += pixel[1] * weight;
                    blue += pixel[2] * weight;
                    from += 3;
                }

                (result[to], result[to + 1], result[to + 2]) = (Byte(red), Byte(green), Byte(blue));
                to += 3;
            }
        }

        return result;
    }

    private static byte[] Down(byte[] pixels, int stride, (int First, int[] Weights)[] places)
    {
        byte[] result = new byte[checked(stride * places.Length)];
        int[] sums = new int[stride];
        for (int y = 0; y < places.Length; y++)
        {
            (int first, int[] weights) = places[y];
            sums.AsSpan().Fill(1 << (Precision - 1));
            for (int i = 0; i < weights.Length; i++)
                AddRow(pixels.AsSpan((first + i) * stride, stride), weights[i], sums);
            Span<byte> row = result.AsSpan(y * stride, stride);
            for (int x = 0; x < row.Length; x++)
                row[x] = Byte(sums[x]);
        }

        return result;
    }

    private static void AddRow(ReadOnlySpan<byte> row, int weight, Span<int> sums)
    {
        int x = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            ref byte from = ref MemoryMarshal.GetReference(row);
            ref int to = ref MemoryMarshal.GetReference(sums);
            Vector256<int> factor = Vector256.Create(weight);
            for (; x <= row.Length - 16; x += 16)
            {
                Vector256<ushort> words = Vector256.WidenLower(Vector128.LoadUnsafe(ref from, (nuint)x).ToVector256());
                (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(words);
                (Vector256.LoadUnsafe(ref to, (nuint)x) + (low.AsInt32() * factor)).StoreUnsafe(ref to, (nuint)x);
                (Vector256.LoadUnsafe(ref to, (nuint)x + 8) + (high.AsInt32() * factor)).StoreUnsafe(ref to, (nuint)x + 8);
            }
        }

        for (; x < row.Length; x++)
            sums[x] += row[x] * weight;
    }

    private static byte Byte(int sum) => (byte)Math.Clamp(sum >> Precision, 0, 255);

    private static (int First, int[] Weights)[] Weights(int size, int newSize, ResampleFilter filter)
    {
        (double support, Func<double, double> weight) = Kernel(filter);
        var places = new (int, int[])[newSize];
        double scale = (double)size / newSize, widening = Math.Max(1, scale), reach = support * widening;
        for (int place = 0; place < newSize; place++)
        {
            double centre = (place + 0.5) * scale, sum = 0;
            int first = Math.Max(0, (int)(centre - reach + 0.5)), after = Math.Min(size, (int)(centre + reach + 0.5));
            double[] exact = new double[after - first];
            for (int i = 0; i < exact.Length; i++)
                sum += exact[i] = weight((i + first - centre + 0.5) * (1 / widening));
            int[] whole = new int[exact.Length];
            for (int i = 0; i < exact.Length; i++)
            {
                double scaled = (sum == 0 ? exact[i] : exact[i] / sum) * (1 << Precision);
                whole[i] = (int)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
            }

            places[place] = (first, whole);
        }

        return places;
    }

    private static (double Support, Func<double, double> Weight) Kernel(ResampleFilter filter) => filter switch
    {
        ResampleFilter.Box => (0.5, static x => x is > -0.5 and <= 0.5 ? 1 : 0),
        ResampleFilter.Bilinear => (1, static x => Math.Max(0, 1 - Math.Abs(x))),
        ResampleFilter.Hamming => (1, static x => Math.Abs(x) >= 1 ? 0 : Sinc(x) * (0.54 + (0.46 * Math.Cos(x * Math.PI)))),
        ResampleFilter.Bicubic => (2, Cubic),
        ResampleFilter.Lanczos => (3, static x => x is >= -3 and < 3 ? Sinc(x) * Sinc(x / 3) : 0),
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "unknown"),
    };

    private static double Cubic(double x)
    {
        const double A = -0.5;
        x = Math.Abs(x);
        return x < 1 ? ((((A + 2) * x) - (A + 3)) * x * x) + 1 : x < 2 ? ((((x - 5) * x) + 8) * x - 4) * A : 0;
    }

    private static double Sinc(double x) => x == 0 ? 1 : Math.Sin(x * Math.PI) / (x * Math.PI);
}
