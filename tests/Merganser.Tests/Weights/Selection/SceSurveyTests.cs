using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Selection;

namespace Merganser.Tests.Weights.Selection;

public sealed class SceSurveyTests
{
    private const int Length = 2048;

    [Theory]
    [InlineData(100_003, 0.5, true, 1)]
    [InlineData(100_003, 0.5, false, 2)]
    [InlineData(100_003, 0.03, true, 3)]
    [InlineData(150_000, 0.97, true, 4)]
    [InlineData(90_001, 1, true, 5)]
    [InlineData(1_001, 0.4, true, 6)]
    [InlineData(70_007, 1e-9, true, 7)]
    public void Stored_pairs_merge_as_on_tiles(int count, double topk, bool selectsDeltas, int seed)
    {
        ushort[][] inputs = Inputs(count, seed);
        (ushort[] expected, float[] weights) = Merge(inputs, topk, selectsDeltas, stored: false);
        (ushort[] actual, float[] found) = Merge(inputs, topk, selectsDeltas, stored: true);
        for (int model = 0; model < weights.Length; model++)
            Assert.Equal(weights[model], found[model], 1e-6f);

        // The weights' last bits may tip a rounding to the neighbouring number; the kept set must be the same.
        int tipped = 0;
        for (int i = 0; i < count; i++)
        {
            Assert.InRange(actual[i] - expected[i], -1, 1);
            tipped += actual[i] == expected[i] ? 0 : 1;
        }

        Assert.InRange(tipped, 0, count / 1000);
    }

    [Fact]
    public void A_sample_that_misleads_is_noticed()
    {
        ushort[][] inputs = Inputs(131_072, 9);
        for (int i = 0; i < inputs[0].Length; i++)
        {
            if (i / ScanRequest.BlockElements % 4 == 0)
                inputs[1][i] = inputs[2][i] = inputs[0][i];
        }

        (ushort[] expected, _) = Merge(inputs, 0.5, true, stored: false);
        (ushort[] actual, _) = Merge(inputs, 0.5, true, stored: true);
        Assert.Equal(expected, actual);
    }

    /// <summary>A base and two models close to it: many ties, zeros and denormals.</summary>
    private static ushort[][] Inputs(int count, int seed)
    {
        var random = new Random(seed);
        var inputs = new ushort[3][];
        for (int input = 0; input < 3; input++)
        {
            inputs[input] = new ushort[count];
            for (int i = 0; i < count; i++)
            {
                ushort word = input > 0 ? (ushort)(inputs[0][i] + random.Next(-3, 4)) : i % 97 == 0 ? (ushort)random.Next(4, 90) : (ushort)(0x3C00 + random.Next(0, 256) + (random.Next(2) << 15));
                inputs[input][i] = word;
            }
        }

        return inputs;
    }

    private static unsafe (ushort[] Output, float[] Weights) Merge(ushort[][] inputs, double topk, bool selectsDeltas, bool stored)
    {
        int count = inputs[0].Length;
        var merger = new SceMerger(count, 2, topk, selectsDeltas, Rounding.None);
        ushort[] result = new ushort[count];
        for (ScanRequest request = merger.NextScan(); request != ScanRequest.None; request = merger.NextScan())
            Stream(request.Stride, write: false);
        Stream(1, write: true);
        return (result, merger.Weights);

        void Stream(int stride, bool write)
        {
            int part = stride == 1 ? Length : ScanRequest.BlockElements;
            float* memory = stackalloc float[4 * Length];
            float** tiles = stackalloc float*[3];
            ushort** words = stackalloc ushort*[3];
            for (int start = 0; start < count; start += stride * part)
            {
                int length = Math.Min(part, count - start);
                fixed (ushort* origin = inputs[0], first = inputs[1], second = inputs[2], output = result)
                {
                    words[0] = origin + start;
                    words[1] = first + start;
                    words[2] = second + start;
                    if (stored && stride == 1)
                    {
                        var chunk = new BFloat16Tile(start, words, 2, write ? output + start : null, length);
                        if (write ? merger.TryApply(chunk) : merger.TryScan(chunk))
                            continue;
                    }

                    for (int input = 0; input < 3; input++)
                    {
                        tiles[input] = memory + (input * Length);
                        for (int i = 0; i < length; i++)
                            tiles[input][i] = BitConverter.UInt32BitsToSingle((uint)words[input][i] << 16);
                    }

                    float* to = memory + (3 * Length);
                    var tile = new Tile(start, length, tiles, 2, write ? to : null);
                    if (!write)
                    {
                        merger.Scan(tile);
                        continue;
                    }

                    merger.Apply(tile);
                    for (int i = 0; i < length; i++)
                        result[start + i] = (ushort)(BitConverter.SingleToUInt32Bits(Rounding.BFloat16.Apply(to[i])) >> 16);
                }
            }
        }
    }
}
