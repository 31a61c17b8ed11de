using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text;

namespace Merganser.Weights.Selection;

/// <summary>
/// Uniform 32-bit random numbers, one for every element of a tensor of a model: a keyed mixing function of the element's
/// index. A number depends on seed, model, tensor name and index alone, so results do not depend on tiles, threads or
/// platform, and a second pass sees the same numbers. Two rounds of xor-shift and multiplication (the constants of the
/// public-domain "lowbias32" function) with one half of the key before and one between the rounds.
/// </summary>
/// <remarks>
/// Neighbours, an even index and the odd one after it, share one mixed number: it gives the upper sixteen bits of both draws, which
/// decide nearly every comparison. The lower sixteen come from a number mixed with another key, and are made only where they matter.
/// </remarks>
internal readonly struct DrawStream
{
    private const uint Step = 0x9E3779B9;
    private const uint FirstFactor = 0x7FEB352D;
    private const uint SecondFactor = 0x846CA68B;

    /// <summary>Draws that come from the vectors of one step.</summary>
    private const int StepDraws = 32;

    private readonly uint _first;
    private readonly uint _second;

    /// <summary>The stream of one tensor of one model.</summary>
    public DrawStream(ulong seed, int model, string tensor)
    {
        ulong mixed = seed + (((ulong)(uint)model + 1) * 0x9E3779B97F4A7C15);
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        ulong key = XxHash3.HashToUInt64(Encoding.UTF8.GetBytes(tensor), (long)(mixed ^ (mixed >> 31)));
        _first = (uint)key;
        _second = (uint)(key >> 32);
    }

    private DrawStream(uint first, uint second)
    {
        _first = first;
        _second = second;
    }

    /// <summary>The stream of the lower halves.</summary>
    private DrawStream Fine => new(_first ^ 0xA54FF53A, _second + 0x510E527F);

    /// <summary>The number below which a draw falls with a probability.</summary>
    public static uint Threshold(double probability) => (uint)Math.Clamp(Math.Round(probability * 4294967296.0), 0, uint.MaxValue);

    /// <summary>The draw of one element.</summary>
    public uint Draw(long index) => ((uint)Upper(index) << 16) | Fine.Half(index);

    /// <summary>The upper half of the draw of one element.</summary>
    public ushort Upper(long index) => (ushort)(Half(index) ^ 0x8000);

    /// <summary>The upper halves of the draws of consecutive elements, less 2^15: from −32,768 to 32,767.</summary>
    public void FillUpper(long start, Span<short> draws)
    {
        int index = (int)(start & 1);
        if (index != 0 && !draws.IsEmpty)
            draws[0] = (short)Half(start);
        DrawStream block = Block(start);
        Vector256<uint> counter = block.Counters((uint)((start + 1) >> 1));
        ref short first = ref MemoryMarshal.GetReference(draws);
        for (; !Crosses(start, draws.Length) && index <= draws.Length - Vector256<short>.Count; index += Vector256<short>.Count)
        {
            block.Mix(counter).AsInt16().StoreUnsafe(ref first, (nuint)index);
            counter += Vector256.Create(unchecked((uint)Vector256<uint>.Count * Step));
        }

        for (; index < draws.Length; index++)
            draws[index] = (short)Half(start + index);
    }

    /// <summary>
    /// Sets the bit of every element whose draw is below a threshold, and no others. <paramref name="start"/> must be even; up
    /// to <see cref="StoredBits.Spare"/> bytes behind the last bit are overwritten.
    /// </summary>
    public unsafe void SelectBelow(uint threshold, long start, int count, byte* bits)
    {
        if (Crosses(start, count + StepDraws))
        {
            new Span<byte>(bits, (count + 7) / 8).Clear();
            for (int i = 0; i < count; i++)
                Set(bits, i, Draw(start + i) < threshold);
            return;
        }

        // Without calls inside, all of the usual loop stays in registers.
        if ((threshold & 0xFFFF) == 0)
            SelectCoarse(threshold, start, count, bits);
        else
            SelectFine(threshold, start, count, bits);
    }

    /// <summary>Sets every value whose draw is not below a threshold to 0.</summary>
    public unsafe void KeepBelow(uint threshold, long start, Span<float> values)
    {
        const int most = 2048;
        byte* bits = stackalloc byte[(most / 8) + StoredBits.Spare];
        if ((start & 1) != 0 && !values.IsEmpty)
        {
            if (Draw(start) >= threshold)
                values[0] = 0;
            values = values[1..];
            start++;
        }

        while (!values.IsEmpty)
        {
            int count = Math.Min(most, values.Length);
            SelectBelow(threshold, start, count, bits);
            RowBits.Apply(new ReadOnlySpan<byte>(bits, (count + 7) / 8), values[..count]);
            values = values[count..];
            start += count;
        }
    }

    /// <summary>True when the key changes among these elements; it does at every multiple of 2^33.</summary>
    private static bool Crosses(long start, int count) => start >> 33 != (start + count) >> 33;

    private static unsafe void Set(byte* bits, int index, bool value) => bits[index >> 3] |= (byte)((value ? 1 : 0) << (index & 7));

    private unsafe void SelectCoarse(uint threshold, long start, int count, byte* bits)
    {
        DrawStream block = Block(start);
        Vector256<uint> counter = block.Counters((uint)(start >> 1));
        Vector256<uint> next = counter + Vector256.Create(unchecked((uint)Vector256<uint>.Count * Step));
        Vector256<uint> step = Vector256.Create(unchecked(2u * (uint)Vector256<uint>.Count * Step));
        Vector256<short> edge = Edge(threshold);
        for (int index = 0; index < count; index += StepDraws)
        {
            Vector256<short> first = block.Mix(counter).AsInt16();
            Vector256<short> second = block.Mix(next).AsInt16();
            counter += step;
            next += step;
            *(uint*)(bits + (index >> 3)) = StoredBits.Pack(Vector256.LessThan(first, edge), Vector256.LessThan(second, edge));
        }
    }

    private unsafe void SelectFine(uint threshold, long start, int count, byte* bits)
    {
        DrawStream block = Block(start);
        Vector256<uint> counter = block.Counters((uint)(start >> 1));
        Vector256<uint> step = Vector256.Create(unchecked((uint)Vector256<uint>.Count * Step));
        Vector256<short> edge = Edge(threshold);
        for (int index = 0; index < count; index += StepDraws)
        {
            Vector256<short> first = block.Mix(counter).AsInt16();
            Vector256<short> second = block.Mix(counter + step).AsInt16();
            counter += step + step;
            *(uint*)(bits + (index >> 3)) = StoredBits.Pack(Vector256.LessThan(first, edge), Vector256.LessThan(second, edge));
            if ((Vector256.Equals(first, edge) | Vector256.Equals(second, edge)) != Vector256<short>.Zero)
                Refine(threshold, start + index, bits + (index >> 3));
        }
    }

    /// <summary>The upper half of a threshold as a signed number: a mixed number as it is stands for a draw with the top bit flipped.</summary>
    private static Vector256<short> Edge(uint threshold) => Vector256.Create((short)((threshold >> 16) ^ 0x8000));

    /// <summary>Draws whose upper half equals that of the threshold are decided by the lower half.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private unsafe void Refine(uint threshold, long start, byte* bits)
    {
        for (int i = 0; i < StepDraws; i++)
        {
            if (Upper(start + i) == threshold >> 16)
                Set(bits, i, Draw(start + i) < threshold);
        }
    }

    private Vector256<uint> Counters(uint pair) => unchecked((Vector256<uint>.Indices * Step) + Vector256.Create((pair * Step) + _first));

    private DrawStream Block(long index)
    {
        uint high = (uint)(index >> 33);
        return high == 0 ? this : new DrawStream(_first ^ (high * 0x85EBCA77), _second + (high * 0xC2B2AE3D));
    }

    private ushort Half(long index) => (ushort)(Block(index).Mix((uint)(index >> 1)) >> ((int)(index & 1) * 16));

    private uint Mix(uint index)
    {
        uint x = unchecked((index * Step) + _first);
        x ^= x >> 16;
        x *= FirstFactor;
        x ^= x >> 15;
        x += _second;
        x *= SecondFactor;
        return x ^ (x >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector256<uint> Mix(Vector256<uint> x)
    {
        x ^= x >>> 16;
        x *= Vector256.Create(FirstFactor);
        x ^= x >>> 15;
        x += Vector256.Create(_second);
        x *= Vector256.Create(SecondFactor);
        return x ^ (x >>> 16);
    }
}
