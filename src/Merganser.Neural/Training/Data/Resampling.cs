namespace Merganser.Neural.Training.Data;

/// <summary>Makes pictures smaller and larger as image processors do: a triangle filter that widens with the reduction, bytes between the two passes.</summary>
internal static class Resampling
{
    public static void Bilinear(ReadOnlySpan<double> plane, int height, int width, int newHeight, int newWidth, Span<byte> result)
    {
        double[] rows = new double[height * newWidth];
        (int First, double[] Weights)[] across = Weights(width, newWidth), down = Weights(height, newHeight);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < newWidth; x++)
            {
                double sum = 0;
                for (int i = 0; i < across[x].Weights.Length; i++)
                    sum += plane[(y * width) + across[x].First + i] * across[x].Weights[i];
                rows[(y * newWidth) + x] = Math.Clamp(Math.Floor(sum + 0.5), 0, 255);
            }
        }

        for (int y = 0; y < newHeight; y++)
        {
            for (int x = 0; x < newWidth; x++)
            {
                double sum = 0;
                for (int i = 0; i < down[y].Weights.Length; i++)
                    sum += rows[((down[y].First + i) * newWidth) + x] * down[y].Weights[i];
                result[(y * newWidth) + x] = (byte)Math.Clamp(Math.Floor(sum + 0.5), 0, 255);
            }
        }
    }

    private static (int First, double[] Weights)[] Weights(int size, int newSize)
    {
        var all = new (int, double[])[newSize];
        double scale = (double)size / newSize, reach = Math.Max(1, scale);
        for (int place = 0; place < newSize; place++)
        {
            double centre = (place + 0.5) * scale;
            int first = Math.Max(0, (int)(centre - reach + 0.5)), after = Math.Min(size, (int)(centre + reach + 0.5));
            double[] weights = new double[after - first];
            for (int i = 0; i < weights.Length; i++)
                weights[i] = Math.Max(0, 1 - Math.Abs((first + i - centre + 0.5) / reach));
            double sum = weights.Sum();
            all[place] = (first, [.. weights.Select(weight => weight / sum)]);
        }

        return all;
    }
}
