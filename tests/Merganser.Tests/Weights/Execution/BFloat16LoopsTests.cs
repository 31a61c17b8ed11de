using Merganser.Weights;
using Merganser.Weights.Execution;

namespace Merganser.Tests.Weights.Execution;

public sealed unsafe class BFloat16LoopsTests
{
    private const ushort Infinity = 0x7F80, NaN = 0x7FC0;

    /// <summary>Lengths around the sixteen elements of a step and the 1024 of a run.</summary>
    public static TheoryData<int> Lengths => [0, 1, 15, 16, 17, 31, 32, 1000, 1023, 1024, 1025, 2064, 5001];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Every_combination_has_the_bits_of_scalar_arithmetic_rounded_once(int count)
    {
        ushort[] origin = Words(1, count), first = Words(2, count), second = Words(3, count);
        Check(new WeightedSum(0.3f, -1.7f), (o, a, b) => (a * 0.3f) + (b * -1.7f));
        Check(new WeightedOne(0.3f), (o, a, b) => a * 0.3f);
        Check(new Quotient<WeightedSum>(new WeightedSum(0.3f, 0.4f), 0.7f), (o, a, b) => ((a * 0.3f) + (b * 0.4f)) / 0.7f);
        Check(new WeightedBase(0.3f, 0.8f), (o, a, b) => (o * 0.3f) + (a * 0.8f));
        Check(new WeightedChanges(0.3f, 0.8f), (o, a, b) => o + (0f + ((a - o) * 0.3f) + ((b - o) * 0.8f)));
        Check(new WeightedChange(0.3f), (o, a, b) => o + (0f + ((a - o) * 0.3f)));

        void Check<TOperator>(TOperator combine, Func<float, float, float, float> expected)
            where TOperator : struct, IElementOperator
        {
            ushort[] result = new ushort[count];
            fixed (ushort* o = origin, a = first, b = second, to = result)
                Assert.True(BFloat16Loops.Combine(o, a, b, to, count, combine));
            for (int i = 0; i < count; i++)
                Assert.Equal(Word(Rounding.BFloat16.Apply(expected(Single(origin[i]), Single(first[i]), Single(second[i])))), result[i]);
        }
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void A_value_that_is_not_finite_is_noticed_wherever_it_stands(int count)
    {
        for (int position = 0; position < count; position += Math.Max(1, count / 7))
        {
            foreach (ushort word in (ushort[])[NaN, Infinity, Infinity | 0x8000, 0x7F81, 0xFFFF])
            {
                for (int input = 0; input < 3; input++)
                {
                    ushort[][] words = [Words(1, count), Words(2, count), Words(3, count)];
                    words[input][position] = word;
                    ushort[] result = new ushort[count];
                    fixed (ushort* origin = words[0], first = words[1], second = words[2], to = result)
                    {
                        Assert.False(BFloat16Loops.Combine(origin, first, second, to, count, new WeightedChanges(0, 0)));
                        if (input > 0)
                            Assert.False(BFloat16Loops.Combine(first, first, second, to, count, new WeightedSum(0, 0)));
                        if (input == 1)
                            Assert.False(BFloat16Loops.Combine(first, first, first, to, count, new Quotient<WeightedOne>(new WeightedOne(0), 3)));
                        if (input < 2)
                            Assert.False(BFloat16Loops.Combine(origin, first, first, to, count, new WeightedBase(1, 0)));
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Sums_of_products_agree_with_double_precision(int count)
    {
        ushort[] first = Words(5, count), second = Words(6, count);
        double aa = 0, ab = 0, bb = 0, sizes = 0;
        for (int i = 0; i < count; i++)
        {
            double x = Single(first[i]), y = Single(second[i]);
            aa += x * x;
            ab += x * y;
            bb += y * y;
            sizes += Math.Abs(x * y);
        }

        double sumAa = 0, sumAb = 0, sumBb = 0;
        fixed (ushort* a = first, b = second)
            Assert.True(BFloat16Loops.AddProducts(a, b, count, ref sumAa, ref sumAb, ref sumBb));
        Assert.Equal(aa, sumAa, 1e-6 * aa);
        Assert.Equal(ab, sumAb, 1e-6 * sizes);
        Assert.Equal(bb, sumBb, 1e-6 * bb);
    }

    [Fact]
    public void Sums_do_not_depend_on_where_chunks_end()
    {
        const int count = 10_007;
        ushort[] first = Words(7, count), second = Words(8, count);
        fixed (ushort* a = first, b = second)
        {
            (double aa, double ab, double bb) whole = default;
            Assert.True(BFloat16Loops.AddProducts(a, b, count, ref whole.aa, ref whole.ab, ref whole.bb));
            foreach (int chunk in (int[])[2048, 4096])
            {
                (double aa, double ab, double bb) sums = default;
                for (int start = 0; start < count; start += chunk)
                    Assert.True(BFloat16Loops.AddProducts(a + start, b + start, Math.Min(chunk, count - start), ref sums.aa, ref sums.ab, ref sums.bb));
                Assert.Equal(whole, sums);
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData(2063)]
    public void Sums_stay_as_they_were_when_a_value_is_not_finite(int position)
    {
        foreach (ushort word in (ushort[])[NaN, Infinity, Infinity | 0x8000])
        {
            ushort[] first = Words(9, 2064), second = Words(10, 2064);
            first[position] = word;
            (double aa, double ab, double bb) sums = (1, 2, 3);
            fixed (ushort* a = first, b = second)
            {
                Assert.False(BFloat16Loops.AddProducts(a, b, first.Length, ref sums.aa, ref sums.ab, ref sums.bb));
                Assert.False(BFloat16Loops.AddProducts(b, a, first.Length, ref sums.aa, ref sums.ab, ref sums.bb));
            }

            Assert.Equal((1, 2, 3), sums);
        }
    }

    /// <summary>Weights of many sizes, with zeros of both signs and denormal numbers among them.</summary>
    private static ushort[] Words(int seed, int count)
    {
        var random = new Random(seed);
        ushort[] words = new ushort[count];
        for (int i = 0; i < count; i++)
        {
            words[i] = random.Next(16) switch
            {
                0 => 0,
                1 => 0x8000,
                2 => (ushort)(random.Next(1, 0x80) | (random.Next(2) << 15)),
                _ => Word(Rounding.BFloat16.Apply((random.NextSingle() - 0.5f) * MathF.Pow(2, random.Next(-20, 3)))),
            };
        }

        return words;
    }

    private static float Single(ushort word) => BitConverter.UInt32BitsToSingle((uint)word << 16);

    private static ushort Word(float value) => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
}
