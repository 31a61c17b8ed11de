using Merganser.Neural.Tokens.Matching;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Cpu;

/// <summary>Maps by own vector code over the memory of a metric: no matrix of scores, no expanded indices, images divided among threads.</summary>
internal static unsafe class CpuMatching
{
    /// <summary>Plans one image: its rows of length 1 [tokens, depth] in, its lists out.</summary>
    internal delegate void ImagePlan(float* unit, int image, IndexLists lists);

    /// <summary>A metric's memory, [batch, tokens, heads, depth] of float32 without holes.</summary>
    internal readonly record struct Rows(nint Start, int Batch, int Tokens, int Heads, int Depth);

    /// <summary>The memory, if the metric can be read in place.</summary>
    /// <param name="metric">[B, N, D], or keys [B, H, N, D] that are summed over heads.</param>
    /// <param name="held">A tensor that must live as long as the memory is read.</param>
    /// <param name="rows">Where it is.</param>
    public static bool TryRows(Tensor metric, out Tensor held, out Rows rows)
    {
        (held, rows) = (metric, default);
        if (metric.device_type != DeviceType.CPU || metric.dtype != ScalarType.Float32 || metric.dim() is not (3 or 4))
            return false;
        held = (metric.dim() == 4 ? metric.detach().transpose(1, 2) : metric.detach()).contiguous();
        long[] shape = held.shape;
        if (held.numel() is 0 or > int.MaxValue)
            return false;
        fixed (byte* start = held.bytes) // Native memory: it does not move.
            rows = new Rows((nint)start, (int)shape[0], (int)shape[1], shape.Length == 4 ? (int)shape[2] : 1, (int)shape[^1]);
        return true;
    }

    /// <summary>Normalises and plans every image.</summary>
    /// <exception cref="ArgumentException">A row is not finite.</exception>
    public static TokenMap Plan(in Rows rows, int groups, int edges, ImagePlan plan)
    {
        var lists = new IndexLists(rows.Batch, rows.Tokens, groups, edges);
        Rows all = rows;
        int broken = 0;
        Images.Run(rows.Batch, image =>
        {
            using var unit = new Scratch(all.Tokens * all.Depth);
            float* source = (float*)all.Start + ((nint)image * all.Tokens * all.Heads * all.Depth);
            if (Likeness.Normalize(source, all.Tokens, all.Heads, all.Depth, unit.Start))
                plan(unit.Start, image, lists);
            else
                Interlocked.Exchange(ref broken, 1);
        });
        return broken == 0 ? new TokenMap(lists) : throw TokenMetrics.NotFinite();
    }

    /// <summary>The best partner of each token of a list in another list; rows have length 1 already.</summary>
    /// <param name="held">What holds the rows.</param>
    /// <param name="rows">[B, N, D].</param>
    /// <param name="first">int64 [B or 1, n].</param>
    /// <param name="second">int64 [B or 1, m].</param>
    /// <param name="hidden">bool [1, N], or null.</param>
    /// <returns>float32 [B, n] and int64 [B, n].</returns>
    public static (Tensor Best, Tensor Partner) Partners(Tensor held, in Rows rows, Tensor first, Tensor second, Tensor? hidden)
    {
        Rows all = rows;
        int count = (int)first.shape[1], others = (int)second.shape[1];
        int[] seekers = Indices(first), candidates = Indices(second);
        bool[]? mask = hidden?.data<bool>().ToArray();
        float[] scores = new float[rows.Batch * count];
        int[] partners = new int[rows.Batch * count];
        Images.Run(rows.Batch, image => ImageMatching.Partners(
            (float*)all.Start + ((nint)image * all.Tokens * all.Depth),
            seekers.AsSpan(seekers.Length == count ? 0 : image * count, count),
            candidates.AsSpan(candidates.Length == others ? 0 : image * others, others),
            all.Depth,
            mask,
            scores.AsSpan(image * count, count),
            partners.AsSpan(image * count, count)));
        GC.KeepAlive(held);
        return (tensor(scores, [rows.Batch, count]), tensor([.. partners.Select(partner => (long)partner)], [rows.Batch, count]));
    }

    private static int[] Indices(Tensor indices)
    {
        using Tensor whole = indices.contiguous();
        ReadOnlySpan<long> numbers = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(whole.bytes);
        int[] list = new int[numbers.Length];
        for (int i = 0; i < list.Length; i++)
            list[i] = (int)numbers[i];
        return list;
    }

    /// <summary>ToMe's matching of one image.</summary>
    public static void Alternating(float* unit, int image, IndexLists lists, int depth, int special, bool[]? hidden)
    {
        int evens = (lists.Count + 1) / 2, odds = lists.Count / 2, r = lists.Edges, staying = evens - r;
        int[] buffer = System.Buffers.ArrayPool<int>.Shared.Rent((3 * evens) + odds);
        float[] scores = System.Buffers.ArrayPool<float>.Shared.Rent(evens);
        Span<int> even = buffer.AsSpan(0, evens), partners = buffer.AsSpan(evens, evens), order = buffer.AsSpan(2 * evens, evens), odd = buffer.AsSpan(3 * evens, odds);
        for (int i = 0; i < evens; i++)
            even[i] = 2 * i;
        for (int i = 0; i < odds; i++)
            odd[i] = (2 * i) + 1;
        ImageMatching.Partners(unit, even, odd, depth, hidden, scores.AsSpan(0, evens), partners);
        ImageMatching.Rank(scores.AsSpan(0, evens), order);
        Span<int> anchors = lists.AnchorsOf(image), sources = lists.SourcesOf(image), targets = lists.TargetsOf(image);
        for (int i = 0; i < r; i++)
            (sources[i], targets[i]) = (2 * order[i], staying + partners[order[i]]);
        Span<int> kept = order[r..];
        if (special > 0)
            kept.Sort();
        for (int i = 0; i < staying; i++)
            anchors[i] = 2 * kept[i];
        odd.CopyTo(anchors[staying..]);
        if (special > 1)
        {
            // The distillation token, which receives nothing, goes behind the class token.
            anchors[1..staying].CopyTo(anchors[2..]);
            anchors[1] = 1;
        }

        System.Buffers.ArrayPool<int>.Shared.Return(buffer);
        System.Buffers.ArrayPool<float>.Shared.Return(scores);
    }

    /// <summary>PiToMe's matching of one image.</summary>
    public static void Energy(float* unit, int image, IndexLists lists, int depth, EnergyMatcher matcher)
    {
        int special = matcher.Special, patches = lists.Count - special, r = lists.Edges;
        int[] buffer = System.Buffers.ArrayPool<int>.Shared.Rent(6 * patches);
        float[] scores = System.Buffers.ArrayPool<float>.Shared.Rent(patches);
        Span<int> tokens = buffer.AsSpan(0, patches), ranks = buffer.AsSpan(patches, patches), partners = buffer.AsSpan(2 * patches, patches);
        for (int i = 0; i < patches; i++)
            tokens[i] = special + i;
        ImageMatching.Energies(unit, tokens, depth, matcher, scores.AsSpan(0, patches));
        ImageMatching.Rank(scores.AsSpan(0, patches), ranks);
        foreach (ref int rank in ranks)
            rank += special;
        Span<int> anchors = lists.AnchorsOf(image), sources = lists.SourcesOf(image), targets = lists.TargetsOf(image);
        for (int i = 0; i < special; i++)
            anchors[i] = i;
        int staying = patches - (2 * r);
        if (matcher.Variant == EnergyVariant.Bipartite)
        {
            int firsts = (patches + 1) / 2, seconds = patches / 2;
            Span<int> first = buffer.AsSpan(3 * patches, firsts), second = buffer.AsSpan(4 * patches, seconds), order = buffer.AsSpan(5 * patches, firsts);
            for (int i = 0; i < firsts; i++)
                first[i] = ranks[2 * i];
            for (int i = 0; i < seconds; i++)
                second[i] = ranks[(2 * i) + 1];
            ImageMatching.Partners(unit, first, second, depth, null, scores.AsSpan(0, firsts), partners);
            ImageMatching.Rank(scores.AsSpan(0, firsts), order);
            staying = firsts - r;
            for (int i = 0; i < r; i++)
                (sources[i], targets[i]) = (first[order[i]], special + staying + partners[order[i]]);
            for (int i = 0; i < staying; i++)
                anchors[special + i] = first[order[r + i]];
            second.CopyTo(anchors[(special + staying)..]);
        }
        else
        {
            Span<int> second = anchors[(special + staying)..];
            bool alternate = matcher.Variant == EnergyVariant.Plain;
            for (int i = 0; i < r; i++)
                (sources[i], second[i]) = alternate ? (ranks[2 * i], ranks[(2 * i) + 1]) : (ranks[i], ranks[r + i]);
            ranks[(2 * r)..].CopyTo(anchors[special..]);
            ImageMatching.Partners(unit, sources, second, depth, null, scores.AsSpan(0, r), targets);
            foreach (ref int target in targets)
                target += special + staying;
        }

        System.Buffers.ArrayPool<int>.Shared.Return(buffer);
        System.Buffers.ArrayPool<float>.Shared.Return(scores);
    }
}
