using Merganser.Neural.Tokens.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>
/// <see cref="MergeMap"/> on tensors: which of N tokens go into which of M, for every image of a batch. It holds indices only and carries no
/// gradient; applied to a tensor [B, N, C] it lets gradients through to the rows that it reads.
/// </summary>
/// <remarks>
/// Output m begins with the row <c>anchors[m]</c>; source k is added to output <c>targets[k]</c>. Tokens that are neither are dropped. A map for
/// one image serves a batch of any size. The caller owns the index tensors; a map that own code made on the processor
/// makes them anew whenever they are asked for.
/// </remarks>
public sealed partial class TokenMap
{
    private readonly Tensor? _anchors, _sources, _targets;
    private IndexLists? _lists;

    /// <summary>Takes over the index tensors.</summary>
    /// <param name="anchors">int64 [B, M]: the token that each output begins with.</param>
    /// <param name="sources">int64 [B, R]: tokens that are merged into others.</param>
    /// <param name="targets">int64 [B, R]: the output that each source goes to.</param>
    /// <param name="count">N.</param>
    internal TokenMap(Tensor anchors, Tensor sources, Tensor targets, long count)
    {
        (_anchors, _sources, _targets) = (anchors, sources, targets);
        (Batch, Count, GroupCount, EdgeCount) = (anchors.shape[0], count, anchors.shape[1], sources.shape[1]);
    }

    /// <summary>Takes over lists in managed memory; tensors are made of them when they are asked for.</summary>
    internal TokenMap(IndexLists lists)
    {
        _lists = lists;
        (Batch, Count, GroupCount, EdgeCount) = (lists.Batch, lists.Count, lists.Groups, lists.Edges);
    }

    /// <summary>int64 [B, M]: the token that each output begins with.</summary>
    public Tensor Anchors => _anchors ?? Made(_lists!.Anchors, GroupCount);

    /// <summary>int64 [B, R]: tokens that are merged into others, in the order of the matching.</summary>
    public Tensor Sources => _sources ?? Made(_lists!.Sources, EdgeCount);

    /// <summary>int64 [B, R]: the output that each source goes to.</summary>
    public Tensor Targets => _targets ?? Made(_lists!.Targets, EdgeCount);

    /// <summary>The number of images, B; a map for one serves any number.</summary>
    public long Batch { get; }

    /// <summary>The number of tokens that go in, N.</summary>
    public long Count { get; }

    /// <summary>The number of tokens that come out, M.</summary>
    public long GroupCount { get; }

    /// <summary>The number of tokens that are merged into others, R.</summary>
    public long EdgeCount { get; }

    /// <summary>The output of every token, int64 [B, N]; −1 for a dropped one.</summary>
    public Tensor Groups()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor anchors = Anchors;
        Tensor groups = full([Batch, Count], MergeMap.Dropped, dtype: ScalarType.Int64, device: anchors.device);
        groups.scatter_(1, anchors, arange(GroupCount, dtype: ScalarType.Int64, device: anchors.device).expand(Batch, GroupCount));
        groups.scatter_(1, Sources, Targets);
        return scope.MoveToOuter(groups);
    }

    /// <summary>One managed map per image.</summary>
    public MergeMap[] ToMergeMaps()
    {
        using DisposeScope scope = NewDisposeScope();
        long[] groups = Groups().to(CPU).data<long>().ToArray();
        var maps = new MergeMap[Batch];
        int[] clusters = new int[Count];
        for (int image = 0; image < maps.Length; image++)
        {
            for (int token = 0; token < clusters.Length; token++)
                clusters[token] = (int)groups[(image * Count) + token];
            maps[image] = MergeMap.FromClusters(clusters, (int)GroupCount);
        }

        return maps;
    }

    /// <summary>The same groups in the order of the first token of each: the order of an image or a text, where matching leaves the order of likeness.</summary>
    public TokenMap InTokenOrder()
    {
        using DisposeScope scope = NewDisposeScope();
        MergeMap[] maps = ToMergeMaps();
        long[] order = new long[maps.Length * GroupCount], place = new long[order.Length];
        for (int image = 0; image < maps.Length; image++)
        {
            int[] first = new int[GroupCount], groups = new int[GroupCount];
            for (int group = 0; group < first.Length; group++)
                (first[group], groups[group]) = (maps[image].MembersOf(group)[0], group);
            Array.Sort(first, groups);
            for (int i = 0; i < groups.Length; i++)
                (order[(image * GroupCount) + i], place[(image * GroupCount) + groups[i]]) = (groups[i], i);
        }

        long[] shape = [maps.Length, GroupCount];
        Tensor before = Anchors;
        Tensor anchors = before.gather(1, tensor(order, shape).to(before.device)), targets = tensor(place, shape).to(before.device).gather(1, Targets);
        return new TokenMap(scope.MoveToOuter(anchors), scope.MoveToOuter(Sources.clone()), scope.MoveToOuter(targets), Count);
    }

    /// <summary>The lists in managed memory, if the map is on the processor.</summary>
    private IndexLists? Lists()
    {
        if (_lists is null && _anchors!.device_type == DeviceType.CPU)
        {
            var lists = new IndexLists((int)Batch, (int)Count, (int)GroupCount, (int)EdgeCount);
            Fill(_anchors!, lists.Anchors);
            Fill(_sources!, lists.Sources);
            Fill(_targets!, lists.Targets);
            _lists = lists;
        }

        return _lists;
    }

    private static void Fill(Tensor indices, int[] list)
    {
        if (list.Length == 0)
            return;
        using Tensor whole = indices.contiguous();
        ReadOnlySpan<long> numbers = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(whole.bytes);
        for (int i = 0; i < list.Length; i++)
            list[i] = (int)numbers[i];
    }

    private Tensor Made(int[] list, long width)
    {
        long[] numbers = new long[list.Length];
        for (int i = 0; i < list.Length; i++)
            numbers[i] = list[i];
        return tensor(numbers, [Batch, width]);
    }
}
