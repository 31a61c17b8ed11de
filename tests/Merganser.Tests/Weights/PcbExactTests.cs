using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Methods;

namespace Merganser.Tests.Weights;

/// <summary>PCB over stored bfloat16 against the plain formula in double: what it keeps may differ only where scores equal the cut.</summary>
public sealed class PcbExactTests
{
    private const int Count = 300_000;
    private const int Length = 2048;
    private const double Clamp = 0.0001;

    /// <summary>Scores nearer to the cut than this, relatively, may fall to either side.</summary>
    private const double NearTie = 1e-6;

    [Theory]
    [InlineData(0.1, 0.02f, 0.002f, 1, 0)]
    [InlineData(0.1, 0.02f, 0.002f, 2, Count / 4)]
    [InlineData(0.05, 0.3f, 0.05f, 3, 0)]
    [InlineData(0.3, 0.02f, 0.0005f, 4, Count / 4)]
    public void What_is_kept_differs_from_the_formula_in_double_only_at_equal_scores(double ratio, float baseSize, float changeSize, int seed, long sample)
    {
        ushort[][] inputs = Inputs(baseSize, changeSize, seed);
        var balance = new PcbBalance(2, Count, PcbVariant.Main, ratio, Clamp, sample);
        for (ScanRequest request = balance.NextScan(); request != ScanRequest.None; request = balance.NextScan())
            Stream(inputs, request.Stride, (in chunk, in tile) => Look(balance, request.Stride, chunk, tile));

        float[][] scales = [new float[Count], new float[Count]];
        float[] merged = new float[Count];
        Stream(inputs, 1, (in _, in tile) => balance.Scales(tile, (task, start, values) => values.CopyTo(scales[task].AsSpan((int)start))));
        Stream(inputs, 1, (in chunk, in tile) => Write(balance, chunk, tile, merged));

        double[][] changes = [Changes(inputs, 1), Changes(inputs, 2)];
        double[][] scores = [Scores(changes, 0), Scores(changes, 1)];
        bool[] isNear = new bool[Count];
        double[][] exact = new double[2][];
        for (int task = 0; task < 2; task++)
        {
            double[] sorted = [.. scores[task]];
            Array.Sort(sorted);
            double floor = sorted[(int)(Count * (1 - ratio))], range = sorted[^1] - floor;
            exact[task] = [.. scores[task].Select(score => Math.Max(0, score - floor) / range)];
            for (int i = 0; i < Count; i++)
            {
                double distance = Math.Abs(scores[task][i] - floor) / floor;
                isNear[i] |= distance < 1e-4;
                if (distance > NearTie)
                    Assert.True(exact[task][i] > 0 == scales[task][i] > 0, $"task {task}, element {i}: {distance:e2} from the cut");
            }

            Assert.InRange(scales[task].Count(scale => scale > 0), (int)(Count * ratio * 0.99) - 10, (int)(Count * ratio) + 1);
        }

        // Where a coefficient is next to 0 its own error is not small; elsewhere results are those of the formula, rounded.
        for (int i = 0; i < Count; i++)
        {
            double origin = Single(inputs[0][i]), first = changes[0][i], second = changes[1][i];
            double expected = origin + (1.2 * ((Clamped(changes, 0, i) * exact[0][i]) + (Clamped(changes, 1, i) * exact[1][i])) / Math.Max(1e-12, exact[0][i] + exact[1][i]));
            if (!isNear[i])
                Assert.InRange(merged[i] - expected, -Tolerance(), Tolerance());
            double Tolerance() => (Math.Abs(expected) + Math.Abs(first) + Math.Abs(second)) / 128;
        }

        double Clamped(double[][] all, int task, int index) => Math.Clamp(all[task][index], -High(all[task]), High(all[task]));
    }

    private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<double[], object> Highs = [];

    /// <summary>The upper bound of |T|.</summary>
    private static double High(double[] changes) => (double)Highs.GetValue(changes, static values =>
    {
        double[] sizes = [.. values.Select(Math.Abs)];
        Array.Sort(sizes);
        return sizes[(int)((Count * (1 - Clamp)) - 1)];
    });

    /// <summary>exp(n·norm²)·tanh(T·ΣT); the lower bound of |T| is 0 here.</summary>
    private static double[] Scores(double[][] changes, int task)
    {
        double high = High(changes[task]);
        double[] scores = new double[Count];
        for (int i = 0; i < Count; i++)
        {
            double change = changes[task][i], norm = Math.Min(1, Math.Abs(change) / high);
            scores[i] = Math.Exp(2 * norm * norm) * Math.Tanh(change * (changes[0][i] + changes[1][i]));
        }

        return scores;
    }

    private static double[] Changes(ushort[][] inputs, int model) =>
        [.. inputs[model].Select((word, i) => (double)Single(word) - Single(inputs[0][i]))];

    private static ushort[][] Inputs(float baseSize, float changeSize, int seed)
    {
        var random = new Random(seed);
        ushort[][] inputs = [new ushort[Count], new ushort[Count], new ushort[Count]];
        for (int i = 0; i < Count; i++)
        {
            float origin = Word(Normal() * baseSize, out inputs[0][i]);
            for (int model = 1; model < 3; model++)
                Word(random.Next(8) == 0 ? origin : origin + (Normal() * changeSize), out inputs[model][i]);
        }

        return inputs;

        float Normal() => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
    }

    private static float Word(float value, out ushort word)
    {
        float rounded = Rounding.BFloat16.Apply(value);
        word = (ushort)(BitConverter.SingleToUInt32Bits(rounded) >> 16);
        return rounded;
    }

    private static float Single(ushort word) => BitConverter.UInt32BitsToSingle((uint)word << 16);

    private static void Look(PcbBalance balance, int stride, in BFloat16Tile chunk, in Tile tile)
    {
        if (stride > 1 || !balance.TryScan(chunk))
            balance.Scan(tile);
    }

    private static unsafe void Write(PcbBalance balance, in BFloat16Tile chunk, in Tile tile, float[] merged)
    {
        Assert.True(balance.TryApply(chunk, [1.2f, 1.2f]));
        for (int i = 0; i < chunk.Count; i++)
            merged[tile.Start + i] = Single(chunk.Output[i]);
    }

    private delegate void Visit(in BFloat16Tile chunk, in Tile tile);

    private static unsafe void Stream(ushort[][] inputs, int stride, Visit visit)
    {
        int part = stride == 1 ? Length : ScanRequest.BlockElements;
        float* memory = stackalloc float[4 * Length];
        ushort* copies = stackalloc ushort[4 * Length];
        float** tiles = stackalloc float*[3];
        ushort** words = stackalloc ushort*[3];
        for (int start = 0; start < Count; start += stride * part)
        {
            int length = Math.Min(part, Count - start);
            for (int input = 0; input < 3; input++)
            {
                words[input] = copies + (input * Length);
                tiles[input] = memory + (input * Length);
                inputs[input].AsSpan(start, length).CopyTo(new Span<ushort>(words[input], length));
                for (int i = 0; i < length; i++)
                    tiles[input][i] = Single(words[input][i]);
            }

            visit(new BFloat16Tile(start, words, 2, copies + (3 * Length), length), new Tile(start, length, tiles, 2, memory + (3 * Length)));
        }
    }
}
