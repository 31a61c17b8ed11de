using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Methods;
using Merganser.Weights.Selection;

namespace Merganser.Tests.Weights;

/// <summary>PCB on stored bfloat16 words against PCB over tiles of float32: the same bounds and the same bits.</summary>
public sealed class PcbStoredTests
{
    private const int Length = 2048;

    [Theory]
    [InlineData(100_003, 2, 0.1, 1e-3f, true, 1)]
    [InlineData(100_003, 2, 0.3, 1e-3f, false, 2)]
    [InlineData(65_536, 2, 0.02, 0.3f, true, 3)]
    [InlineData(65_536, 2, 0.1, 3f, true, 4)]
    [InlineData(1_001, 2, 0.1, 1e-3f, true, 5)]
    [InlineData(100_003, 1, 0.1, 1e-3f, true, 6)]
    [InlineData(100_003, 3, 0.1, 1e-3f, true, 7)]
    [InlineData(90_001, 2, 0.95, 1e-3f, true, 8)]
    [InlineData(90_001, 2, 0.1, 1e-30f, true, 9)]
    public void Stored_words_merge_as_tiles_do(int count, int tasks, double ratio, float size, bool ties, int seed)
    {
        ushort[][] inputs = Inputs(count, tasks, size, ties, seed);
        (ushort[] expected, _) = Merge(inputs, ratio, 0, stored: false);
        (ushort[] actual, int storedChunks) = Merge(inputs, ratio, 0, stored: true);
        Assert.Equal(expected, actual);
        if (tasks == 2 && ratio < 0.5 && size is > 1e-4f and < 0.1f)
            Assert.True(storedChunks > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_sampled_survey_of_stored_words_finds_the_bounds_of_seeing_everything(int seed)
    {
        ushort[][] inputs = Inputs(400_001, 2, 1e-3f, ties: true, seed);
        (ushort[] expected, _) = Merge(inputs, 0.1, long.MaxValue, stored: false);
        (ushort[] actual, int storedChunks) = Merge(inputs, 0.1, inputs[0].Length / 4, stored: true);
        Assert.Equal(expected, actual);
        Assert.True(storedChunks > inputs[0].Length / Length, "the survey took the way over tiles");
    }

    [Fact]
    public void A_sample_that_misleads_does_not_change_the_result()
    {
        ushort[][] inputs = Inputs(131_072, 2, 1e-3f, ties: false, 9);
        for (int i = 0; i < inputs[0].Length; i++)
        {
            // The sampled blocks hold smaller changes only.
            if (i / ScanRequest.BlockElements % 4 == 0)
                inputs[1][i] = inputs[2][i] = (ushort)(inputs[0][i] + (i % 3 == 0 ? 1 : 0));
        }

        (ushort[] expected, _) = Merge(inputs, 0.1, long.MaxValue, stored: false);
        (ushort[] actual, _) = Merge(inputs, 0.1, inputs[0].Length / 4, stored: true);
        Assert.Equal(expected, actual);
    }

    [Fact]
    public void A_stored_chunk_with_an_infinite_number_is_left_to_the_tiles()
    {
        ushort[][] inputs = Inputs(65_536, 2, 1e-3f, ties: true, 11);
        (_, int all) = Merge(inputs, 0.1, 0, stored: true);
        inputs[2][5_000] = 0x7F80;
        (_, int without) = Merge(inputs, 0.1, 0, stored: true);
        Assert.True(without < all);
    }

    [Fact]
    public void Exponential_polynomials_keep_their_error_bounds()
    {
        for (int i = 0; i <= 20_000; i++)
        {
            float x = i / 10_000f;
            double exact = Math.Exp(x);
            Assert.InRange(PcbSmall.Exp(System.Runtime.Intrinsics.Vector256.Create(x))[0] / exact, 1 - 4e-7, 1 + 4e-7);
            Assert.InRange(PcbSmall.RoughExp(System.Runtime.Intrinsics.Vector256.Create(x))[0] / exact, 1 - 6e-4, 1 + 6e-4);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Ranks_of_tallied_numbers_are_those_of_sorting(int seed)
    {
        var random = new Random(seed);
        float[] values = new float[5_000];
        uint[] counts = new uint[values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = seed == 1 ? random.Next(-5, 6) : (float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-20, 20)));
            counts[i] = (uint)random.Next(1, 4);
        }

        float[] sorted = [.. values];
        uint[] times = [.. counts];
        Array.Sort(sorted, times);
        long rank = 0;
        for (int i = 0; i < sorted.Length; rank += times[i++])
        {
            if (i % 50 == 0)
                Assert.Equal(sorted[i], TallyRank.Find(values, [.. counts], rank));
        }

        Assert.Null(TallyRank.Find(values, [.. counts], rank));
    }

    /// <summary>A base and models close to it: zeros, denormals, both signs and, with ties, changes of a few units.</summary>
    private static ushort[][] Inputs(int count, int tasks, float size, bool ties, int seed)
    {
        var random = new Random(seed);
        var inputs = new ushort[tasks + 1][];
        for (int input = 0; input <= tasks; input++)
        {
            inputs[input] = new ushort[count];
            for (int i = 0; i < count; i++)
                inputs[input][i] = input == 0 ? Origin(i) : random.Next(20) == 0 ? inputs[0][i] : Changed(inputs[0][i]);
        }

        return inputs;

        ushort Origin(int i) => (i % 97) switch
        {
            0 => (ushort)random.Next(4, 90),
            1 => 0,
            2 => 0x8000,
            _ => Word((float)((random.NextDouble() - 0.5) * 10 * size)),
        };

        ushort Changed(ushort origin) => ties
            ? (ushort)((origin & 0x8000) | Math.Max(0, (origin & 0x7FFF) + random.Next(-3, 4)))
            : Word(BitConverter.UInt32BitsToSingle((uint)origin << 16) + ((float)(random.NextDouble() + random.NextDouble() + random.NextDouble() - 1.5) * size));
    }

    private static ushort Word(float value) => (ushort)(BitConverter.SingleToUInt32Bits(Rounding.BFloat16.Apply(value)) >> 16);

    private static unsafe (ushort[] Output, int StoredChunks) Merge(ushort[][] inputs, double ratio, long sample, bool stored)
    {
        int tasks = inputs.Length - 1, count = inputs[0].Length, storedChunks = 0;
        var balance = new PcbBalance(tasks, count, PcbVariant.Main, ratio, 0.0001, sample);
        ushort[] result = new ushort[count];
        float[] lambdas = [.. Enumerable.Range(0, tasks).Select(task => 1.2f - (0.1f * task))];
        for (ScanRequest request = balance.NextScan(); request != ScanRequest.None; request = balance.NextScan())
            Stream(request.Stride, write: false);
        Stream(1, write: true);
        return (result, storedChunks);

        void Stream(int stride, bool write)
        {
            int part = stride == 1 ? Length : ScanRequest.BlockElements;
            float* memory = stackalloc float[(tasks + 2) * Length];
            float** tiles = stackalloc float*[tasks + 1];
            ushort** words = stackalloc ushort*[tasks + 1];
            ushort* copies = stackalloc ushort[(tasks + 2) * Length];
            for (int start = 0; start < count; start += stride * part)
            {
                int length = Math.Min(part, count - start);
                for (int input = 0; input <= tasks; input++)
                {
                    words[input] = copies + (input * Length);
                    inputs[input].AsSpan(start, length).CopyTo(new Span<ushort>(words[input], length));
                    tiles[input] = memory + (input * Length);
                    for (int i = 0; i < length; i++)
                        tiles[input][i] = BitConverter.UInt32BitsToSingle((uint)words[input][i] << 16);
                }

                ushort* output = copies + ((tasks + 1) * Length);
                if (stored && stride == 1)
                {
                    var chunk = new BFloat16Tile(start, words, tasks, write ? output : null, length);
                    if (write ? balance.TryApply(chunk, lambdas) : balance.TryScan(chunk))
                    {
                        storedChunks++;
                        if (write)
                            new Span<ushort>(output, length).CopyTo(result.AsSpan(start));
                        continue;
                    }
                }

                float* to = memory + ((tasks + 1) * Length);
                var tile = new Tile(start, length, tiles, tasks, write ? to : null);
                if (!write)
                {
                    balance.Scan(tile);
                    continue;
                }

                balance.Apply(tile, lambdas);
                for (int i = 0; i < length; i++)
                    result[start + i] = Word(to[i] + tiles[0][i]);
            }
        }
    }
}
