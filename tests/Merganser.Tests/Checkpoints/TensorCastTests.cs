using System.Runtime.InteropServices;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Casting;

namespace Merganser.Tests.Checkpoints;

public sealed class TensorCastTests
{
    private static readonly DType[] SmallTypes = [DType.F16, DType.BF16, DType.F8E4M3, DType.F8E5M2];

    public static TheoryData<DType> Narrow => [.. SmallTypes];

    [Theory]
    [MemberData(nameof(Narrow))]
    public void Every_pattern_widens_to_its_exact_value(DType type)
    {
        byte[] patterns = AllPatterns(type);
        float[] values = new float[patterns.Length / type.Size()];
        TensorCast.ToSingle(patterns, type, values);
        for (int i = 0; i < values.Length; i++)
        {
            double expected = MiniFloat.Decode(type, (uint)i);
            Assert.True(double.IsNaN(expected) ? float.IsNaN(values[i]) : BitConverter.DoubleToInt64Bits(expected) == BitConverter.DoubleToInt64Bits(values[i]),
                $"{type} {i:X4}: {values[i]:R} instead of {expected:R}");
        }
    }

    [Fact]
    public void Every_half_agrees_with_the_runtime()
    {
        byte[] patterns = AllPatterns(DType.F16);
        float[] values = new float[65536];
        TensorCast.ToSingle(patterns, DType.F16, values);
        for (int i = 0; i < values.Length; i++)
            Assert.Equal((float)BitConverter.UInt16BitsToHalf((ushort)i), values[i]);
    }

    [Theory]
    [MemberData(nameof(Narrow))]
    public void Every_pattern_comes_back_bit_for_bit(DType type)
    {
        byte[] patterns = AllPatterns(type);
        float[] values = new float[patterns.Length / type.Size()];
        TensorCast.ToSingle(patterns, type, values);
        byte[] back = TensorSources.ToBytes(values, type);
        Assert.Equal(patterns, back);
    }

    [Theory]
    [MemberData(nameof(Narrow))]
    public void Narrowing_rounds_to_nearest_even_at_around_and_between_all_neighbours(DType type)
    {
        var inputs = new List<float>();
        int count = 1 << (8 * type.Size());
        for (int i = 0; i < count; i++)
        {
            double here = MiniFloat.Decode(type, (uint)i);
            double next = MiniFloat.Decode(type, (uint)Math.Min(i + 1, count - 1));
            if (!double.IsFinite(here))
                continue;
            double middle = double.IsFinite(next) && Math.Sign(next) == Math.Sign(here) ? (here + next) / 2 : here * 1.03125;
            foreach (float value in (ReadOnlySpan<float>)[(float)here, (float)middle])
                inputs.AddRange([value, MathF.BitIncrement(value), MathF.BitDecrement(value)]);
        }

        CheckNarrowing(type, [.. inputs]);
    }

    [Theory]
    [MemberData(nameof(Narrow))]
    public void Narrowing_rounds_random_bit_patterns_as_exact_arithmetic_does(DType type)
    {
        var random = new Random(17);
        uint[] bits = new uint[1 << 19];
        random.NextBytes(MemoryMarshal.AsBytes(bits.AsSpan()));

        // Half of them near the type's own range, where uniform patterns rarely fall.
        for (int i = 0; i < bits.Length; i += 2)
            bits[i] = (bits[i] & 0x807FFFFF) | ((uint)random.Next(127 - 30, 127 + 20) << 23);
        CheckNarrowing(type, MemoryMarshal.Cast<uint, float>(bits));
    }

    [Theory]
    [InlineData(448f, 0x7E)]
    [InlineData(464f, 0x7E)]
    [InlineData(464.00003f, 0x7F)]
    [InlineData(480f, 0x7F)]
    [InlineData(float.PositiveInfinity, 0x7F)]
    [InlineData(float.NegativeInfinity, 0xFF)]
    [InlineData(-448f, 0xFE)]
    [InlineData(0.0009765625f, 0x00)]
    [InlineData(0.0009765626f, 0x01)]
    public void E4M3_overflows_to_NaN_and_rounds_half_its_smallest_number_to_zero(float value, byte expected) =>
        Assert.Equal(expected, TensorSources.ToBytes([value], DType.F8E4M3)[0]);

    [Fact]
    public void A_NaN_stays_NaN_whatever_its_payload()
    {
        float[] values = [.. Enumerable.Range(0, 23).Select(bit => BitConverter.UInt32BitsToSingle(0x7F800000 | (1u << bit)))];
        foreach (DType type in SmallTypes)
        {
            float[] back = new float[values.Length];
            TensorCast.ToSingle(TensorSources.ToBytes(values, type), type, back);
            Assert.All(back, value => Assert.True(float.IsNaN(value), type.ToString()));
        }
    }

    [Theory]
    [MemberData(nameof(Narrow))]
    public void All_vector_widths_agree_with_the_scalar_path_at_every_length_and_alignment(DType type)
    {
        switch (type)
        {
            case DType.F16:
                CheckWidths<SmallFloatFormat<HalfLayout>>();
                break;
            case DType.BF16:
                CheckWidths<BFloat16Format>();
                break;
            case DType.F8E4M3:
                CheckWidths<SmallFloatFormat<E4M3Layout>>();
                break;
            default:
                CheckWidths<SmallFloatFormat<E5M2Layout>>();
                break;
        }
    }

    [Fact]
    public void Singles_are_copied_with_every_width() => CheckWidths<SingleFormat>();

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    [InlineData(DType.F8E5M2)]
    [InlineData(DType.F8E4M3)]
    [InlineData(DType.F64)]
    public void One_NaN_or_infinity_anywhere_is_found_and_counted(DType type)
    {
        for (int length = 1; length <= 70; length++)
        {
            float[] values = [.. Enumerable.Range(0, length).Select(i => i - 20f)];
            float[] result = new float[length];
            byte[] bytes = TensorSources.ToBytes(values, type);
            Assert.True(TensorCast.ToSingleAndCheck(bytes, type, result));
            Assert.Equal(0, TensorCast.CountNonFinite(bytes, type));
            for (int place = 0; place < length; place++)
            {
                values[place] = (place % 3) switch { 0 => float.NaN, 1 => float.PositiveInfinity, _ => float.NegativeInfinity };
                bytes = TensorSources.ToBytes(values, type);
                Assert.False(TensorCast.ToSingleAndCheck(bytes, type, result));
                Assert.Equal(1, TensorCast.CountNonFinite(bytes, type));
                values[place] = 1;
            }
        }
    }

    [Fact]
    public void Counting_goes_on_beyond_one_block()
    {
        float[] values = new float[5000];
        foreach (int place in (int[])[0, 1023, 1024, 3000, 4999])
            values[place] = float.NaN;
        Assert.Equal(5, TensorCast.CountNonFinite(TensorSources.ToBytes(values, DType.BF16), DType.BF16));
    }

    [Fact]
    public void Doubles_round_to_nearest_and_overflow_to_infinity()
    {
        double[] doubles = [1.0 + Math.Pow(2, -24), 1.0 + 3 * Math.Pow(2, -24), 1e300, -1e300, double.NaN, 1e-46, 5e-324, .1];
        float[] singles = new float[doubles.Length];
        Assert.False(TensorCast.ToSingleAndCheck(MemoryMarshal.AsBytes<double>(doubles), DType.F64, singles));
        Assert.Equal(doubles.Select(value => (float)value), singles);
        Assert.Equal(1, TensorCast.CountNonFinite(MemoryMarshal.AsBytes<double>(doubles), DType.F64));
    }

    [Fact]
    public void Integers_and_bools_are_read()
    {
        Assert.Equal([-1f, 9223372036854775807f], Read<long>(DType.I64, [-1, long.MaxValue]));
        Assert.Equal([-1f, 16777216f], Read<int>(DType.I32, [-1, 16777217]));
        Assert.Equal([-32768f], Read<short>(DType.I16, [short.MinValue]));
        Assert.Equal([-128f], Read<sbyte>(DType.I8, [sbyte.MinValue]));
        Assert.Equal([18446744073709551615f], Read<ulong>(DType.U64, [ulong.MaxValue]));
        Assert.Equal([4294967295f], Read<uint>(DType.U32, [uint.MaxValue]));
        Assert.Equal([65535f], Read<ushort>(DType.U16, [ushort.MaxValue]));
        Assert.Equal([255f], Read<byte>(DType.U8, [255]));
        Assert.Equal([0f, 1f], Read<byte>(DType.Bool, [0, 1]));
    }

    [Fact]
    public void Lengths_that_do_not_fit_are_refused()
    {
        Assert.Throws<ArgumentException>(() => TensorCast.ToSingle(new byte[3], DType.F16, new float[1]));
        Assert.Throws<ArgumentException>(() => TensorCast.FromSingle(new float[2], DType.F16, new byte[2]));
        Assert.Throws<ArgumentException>(() => TensorCast.FromSingle(new float[1], DType.I32, new byte[4]));
        Assert.Throws<ArgumentException>(() => TensorCast.CountNonFinite(new byte[3], DType.F16));
    }

    private static float[] Read<T>(DType type, T[] values)
        where T : unmanaged
    {
        float[] singles = new float[values.Length];
        TensorCast.ToSingle(MemoryMarshal.AsBytes<T>(values), type, singles);
        return singles;
    }

    private static byte[] AllPatterns(DType type)
    {
        if (type.Size() == 1)
            return [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        ushort[] patterns = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        return MemoryMarshal.AsBytes<ushort>(patterns).ToArray();
    }

    private static void CheckNarrowing(DType type, ReadOnlySpan<float> inputs)
    {
        byte[] results = TensorSources.ToBytes(inputs, type);
        for (int i = 0; i < inputs.Length; i++)
        {
            uint result = type.Size() == 1 ? results[i] : BitConverter.ToUInt16(results, 2 * i);
            if (float.IsNaN(inputs[i]))
                Assert.True(double.IsNaN(MiniFloat.Decode(type, result)), $"{type}: NaN {BitConverter.SingleToUInt32Bits(inputs[i]):X8} became {result:X}");
            else if (MiniFloat.Encode(type, inputs[i]) is var expected && expected != result)
                Assert.Fail($"{type}: {inputs[i]:R} became {result:X} instead of {expected:X}");
        }
    }

    private static void CheckWidths<TFormat>()
        where TFormat : struct, IFloatFormat
    {
        var random = new Random(5);
        byte[] raw = new byte[4 * 80];
        float[] singles = new float[80];
        for (int length = 0; length <= 70; length++)
        {
            for (int skip = 0; skip < 3; skip++)
            {
                random.NextBytes(raw);
                random.NextBytes(MemoryMarshal.AsBytes(singles.AsSpan()));
                ReadOnlySpan<byte> bytes = raw.AsSpan(skip, length * TFormat.Size);
                ReadOnlySpan<float> floats = singles.AsSpan(skip, length);
                CheckWidth<TFormat, Lanes128>(bytes, floats);
                CheckWidth<TFormat, Lanes256>(bytes, floats);
                CheckWidth<TFormat, Lanes512>(bytes, floats);
            }
        }
    }

    private static void CheckWidth<TFormat, TLanes>(ReadOnlySpan<byte> bytes, ReadOnlySpan<float> floats)
        where TFormat : struct, IFloatFormat
        where TLanes : struct, ILanes<TLanes>
    {
        // One element more than needed, which must stay as it is.
        float[] expected = new float[floats.Length + 1], wide = new float[floats.Length + 1];
        expected[^1] = wide[^1] = 7;
        uint largest = CastLoops.Widen<TFormat, ScalarLane>(bytes, expected.AsSpan(0, floats.Length));
        Assert.Equal(largest, CastLoops.Widen<TFormat, TLanes>(bytes, wide.AsSpan(0, floats.Length)));
        Assert.True(MemoryMarshal.AsBytes<float>(expected).SequenceEqual(MemoryMarshal.AsBytes<float>(wide)));

        byte[] expectedBytes = new byte[bytes.Length + 1], narrow = new byte[bytes.Length + 1];
        expectedBytes[^1] = narrow[^1] = 7;
        CastLoops.Narrow<TFormat, ScalarLane>(floats, expectedBytes.AsSpan(0, bytes.Length));
        CastLoops.Narrow<TFormat, TLanes>(floats, narrow.AsSpan(0, bytes.Length));
        Assert.Equal(expectedBytes, narrow);
    }
}
