using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>
/// softmax(q·Kᵀ)·V of one token over the cache, tile by tile with a running maximum, so that no score outlives its tile. Members take
/// key heads with the query heads that share them; where that leaves members idle, single query heads.
/// </summary>
internal sealed unsafe class AttentionWork : TeamWork
{
    private const int Tile = 64;

    private readonly DecoderCache _cache;
    private readonly int _heads, _perKey, _perUnit, _padded;
    private readonly float* _source, _output, _queries;
    private readonly float* _scratch;
    private readonly int _scratchSize;
    private readonly float _scale;
    private int _layer, _first;
    private Line _next;

    public AttentionWork(PackedWeights memory, DecoderCache cache, int heads, int keyHeads, float* queries, float* output, int members)
    {
        (_cache, _heads, _perKey, _padded) = (cache, heads, heads / keyHeads, cache.PaddedWidth);
        _source = queries;
        _output = output;
        _perUnit = keyHeads % members == 0 || keyHeads >= 4 * members ? _perKey : 1;
        _scale = (float)Math.Pow(cache.Width, -0.5);
        _queries = (float*)memory.Take(sizeof(float) * (long)heads * _padded);
        _scratchSize = ScratchSize(_perUnit, _padded);
        _scratch = (float*)memory.Take(sizeof(float) * (long)members * _scratchSize);
    }

    /// <summary>The bytes that this takes of the memory.</summary>
    public static long Size(int heads, int width, int members)
    {
        int padded = DecoderCache.Padded(width);
        return (sizeof(float) * (((long)heads * padded) + ((long)members * ScratchSize(heads, padded)))) + (2 * PackedWeights.Alignment);
    }

    /// <summary>Chooses the layer and the first entry that is seen.</summary>
    public void Select(int layer, int first) => (_layer, _first) = (layer, first);

    public override void Begin()
    {
        int width = _cache.Width;
        float* one = stackalloc float[_padded];
        new Span<float>(one, _padded).Clear();
        for (int head = 0; head < _heads; head++)
        {
            float* query = _queries + (head * _padded);
            TensorPrimitives.Multiply(new ReadOnlySpan<float>(_source + (head * width), width), _scale, new Span<float>(one, width));
            if (_cache.IsHalf)
                MatrixInput.Split(one, query, query + (_padded / 2), _padded);
            else
                new ReadOnlySpan<float>(one, _padded).CopyTo(new Span<float>(query, _padded));
        }

        _next.Value = 0;
    }

    public override void Run(int member)
    {
        float* scratch = _scratch + (member * _scratchSize);
        while (RowWork.Take(ref _next, 1, _heads / _perUnit, out int unit, out _))
            Attend(unit * _perUnit, scratch);
    }

    private static int ScratchSize(int heads, int padded) => ((Tile + (heads * padded) + (2 * heads) + 31) / 32 * 32) + 32;

    private void Attend(int head, float* scratch)
    {
        float* scores = scratch, sums = scratch + Tile, largest = sums + (_perUnit * _padded), totals = largest + _perUnit;
        new Span<float>(sums, _perUnit * _padded).Clear();
        new Span<float>(largest, _perUnit).Fill(float.NegativeInfinity);
        new Span<float>(totals, _perUnit).Clear();
        int keyHead = head / _perKey, count = _cache.Count(_layer), stride = _cache.Stride;
        byte* keys = _cache.Keys(_layer, keyHead), values = _cache.Values(_layer, keyHead);
        for (int start = _first; start < count; start += Tile)
        {
            int length = Math.Min(Tile, count - start);
            var tile = new Span<float>(scores, length);
            for (int own = 0; own < _perUnit; own++)
            {
                Score(_queries + ((head + own) * _padded), keys + ((long)start * stride), scores, length);
                float before = largest[own], now = Math.Max(before, TensorPrimitives.Max<float>(tile));
                TensorPrimitives.Subtract(tile, now, tile);
                TensorPrimitives.Exp(tile, tile);
                float keep = MathF.Exp(before - now);
                (largest[own], totals[own]) = (now, (totals[own] * keep) + TensorPrimitives.Sum<float>(tile));
                Accumulate(scores, values + ((long)start * stride), sums + (own * _padded), keep, length);
            }
        }

        for (int own = 0; own < _perUnit; own++)
            Finish(sums + (own * _padded), 1 / totals[own], _output + ((head + own) * _cache.Width));
    }

    private void Score(float* query, byte* keys, float* scores, int length)
    {
        int stride = _cache.Stride, i = 0;
        if (_cache.IsHalf)
        {
            float* odd = query + (_padded / 2);
            for (; i <= length - 4; i += 4, keys += 4 * stride)
                BFloat16Kernel.Dots(keys, stride, query, odd, _padded).Store(scores + i);
            for (; i < length; i++, keys += stride)
                scores[i] = BFloat16Kernel.Dot((ushort*)keys, query, odd, _padded);
        }
        else
        {
            for (; i <= length - 4; i += 4, keys += 4 * stride)
                SingleKernel.Dots(keys, stride, query, _padded).Store(scores + i);
            for (; i < length; i++, keys += stride)
                scores[i] = SingleKernel.Dot((float*)keys, query, _padded);
        }
    }

    /// <summary>sums = sums·keep + p·V; 32 dimensions at a time stay in registers. Of bfloat16 values the even dimensions come first.</summary>
    private void Accumulate(float* weights, byte* values, float* sums, float keep, int length)
    {
        int stride = _cache.Stride;
        bool half = _cache.IsHalf;
        Vector256<uint> mask = Vector256.Create(BFloat16Kernel.OddMask);
        for (int start = 0; start < _padded; start += 32, sums += 32)
        {
            Vector256<float> a = Vector256.Load(sums) * keep, b = Vector256.Load(sums + 8) * keep, c = Vector256.Load(sums + 16) * keep, d = Vector256.Load(sums + 24) * keep;
            if (half)
            {
                byte* row = values + (2 * start);
                for (int i = 0; i < length; i++, row += stride)
                {
                    Vector256<float> weight = Vector256.Create(weights[i]);
                    Vector256<uint> first = Vector256.Load((uint*)row), second = Vector256.Load((uint*)row + 8);
                    a = Vector256.MultiplyAddEstimate((first << 16).AsSingle(), weight, a);
                    b = Vector256.MultiplyAddEstimate((second << 16).AsSingle(), weight, b);
                    c = Vector256.MultiplyAddEstimate((first & mask).AsSingle(), weight, c);
                    d = Vector256.MultiplyAddEstimate((second & mask).AsSingle(), weight, d);
                }
            }
            else
            {
                byte* row = values + (4 * start);
                for (int i = 0; i < length; i++, row += stride)
                {
                    Vector256<float> weight = Vector256.Create(weights[i]);
                    a = Vector256.MultiplyAddEstimate(Vector256.Load((float*)row), weight, a);
                    b = Vector256.MultiplyAddEstimate(Vector256.Load((float*)row + 8), weight, b);
                    c = Vector256.MultiplyAddEstimate(Vector256.Load((float*)row + 16), weight, c);
                    d = Vector256.MultiplyAddEstimate(Vector256.Load((float*)row + 24), weight, d);
                }
            }

            a.Store(sums);
            b.Store(sums + 8);
            c.Store(sums + 16);
            d.Store(sums + 24);
        }
    }

    private void Finish(float* sums, float scale, float* output)
    {
        int width = _cache.Width;
        if (!_cache.IsHalf)
        {
            TensorPrimitives.Multiply(new ReadOnlySpan<float>(sums, width), scale, new Span<float>(output, width));
            return;
        }

        for (int i = 0; i < width; i++)
        {
            float* block = sums + (i / 32 * 32);
            output[i] = block[(i % 2 * 16) + (i % 32 / 2)] * scale;
        }
    }
}
