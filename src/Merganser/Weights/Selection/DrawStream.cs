using System.IO.Hashing;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Merganser.Weights.Selection;

/// <summary>
/// Uniform 32-bit random numbers, one for every element of a tensor of a model: a keyed mixing function of the element's
/// index. A number depends on seed, model, tensor name and index alone, so results do not depend on tiles, threads or
/// platform, and a second pass sees the same numbers. Two rounds of xor-shift and multiplication (the constants of the
/// public-domain "lowbias32" function) with one half of the key before and one between the rounds.
/// </summary>
internal readonly struct DrawStream
{
    private const uint Step = 0x9E3779B9;
    private const uint FirstFactor = 0x7FEB352D;
    private const uint SecondFactor = 0x846CA68B;

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

    /// <summary>The number below which a draw falls with a probability.</summary>
    public static uint Threshold(double probability) => (uint)Math.Clamp(Math.Round(probability * 4294967296.0), 0, uint.MaxValue);

    /// <summary>The draw of one element.</summary>
    public uint Draw(long index) => Block(index).Mix((uint)index);

    /// <summary>The draws of consecutive elements.</summary>
    public void Fill(long start, Span<uint> draws)
    {
        int here = Split(start, draws.Length);
        if (here < draws.Length)
            Fill(start + here, draws[here..]);
        draws = draws[..here];

        DrawStream block = Block(start);
        ref uint first = ref MemoryMarshal.GetReference(draws);
        Vector<uint> counter = Counters((uint)start, block._first);
        Vector<uint> step = new(unchecked((uint)Vector<uint>.Count * Step));
        int index = 0;
        for (; index <= draws.Length - Vector<uint>.Count; index += Vector<uint>.Count)
        {
            block.Mix(counter).StoreUnsafe(ref first, (nuint)index);
            counter += step;
        }

        for (; index < draws.Length; index++)
            draws[index] = block.Mix((uint)start + (uint)index);
    }

    /// <summary>Sets every value whose draw is not below a threshold to 0.</summary>
    public void KeepBelow(uint threshold, long start, Span<float> values)
    {
        int here = Split(start, values.Length);
        if (here < values.Length)
            KeepBelow(threshold, start + here, values[here..]);
        values = values[..here];

        DrawStream block = Block(start);
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector<uint> counter = Counters((uint)start, block._first);
        Vector<uint> step = new(unchecked((uint)Vector<uint>.Count * Step));

        // Signed comparison after flipping the top bit: unsigned comparison costs two more instructions.
        Vector<uint> flip = new(0x80000000);
        Vector<int> edge = new(unchecked((int)(threshold ^ 0x80000000)));
        int index = 0;
        for (; index <= values.Length - Vector<uint>.Count; index += Vector<uint>.Count)
        {
            Vector<int> keep = Vector.LessThan((block.Mix(counter) ^ flip).AsVectorInt32(), edge);
            Vector<int> bits = Vector.LoadUnsafe(ref first, (nuint)index).AsVectorInt32();
            (bits & keep).AsVectorSingle().StoreUnsafe(ref first, (nuint)index);
            counter += step;
        }

        for (; index < values.Length; index++)
        {
            if (block.Mix((uint)start + (uint)index) >= threshold)
                values[index] = 0;
        }
    }

    /// <summary>How many of the elements lie before the next multiple of 2^32, where the key changes.</summary>
    private static int Split(long start, int count) => (int)Math.Min(count, (1L << 32) - (start & 0xFFFFFFFF));

    private static Vector<uint> Counters(uint start, uint key) => unchecked((Vector<uint>.Indices * Step) + new Vector<uint>((start * Step) + key));

    private DrawStream Block(long index)
    {
        uint high = (uint)(index >> 32);
        return high == 0 ? this : new DrawStream(_first ^ (high * 0x85EBCA77), _second + (high * 0xC2B2AE3D));
    }

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
    private Vector<uint> Mix(Vector<uint> x)
    {
        x ^= x >>> 16;
        x *= FirstFactor;
        x ^= x >>> 15;
        x += new Vector<uint>(_second);
        x *= SecondFactor;
        return x ^ (x >>> 16);
    }
}
