using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>
/// <see cref="MergeMap"/> on tensors: which of N tokens go into which of M, for every image of a batch. It holds indices only and carries no
/// gradient; applied to a tensor [B, N, C] it lets gradients through to the rows that it reads.
/// </summary>
/// <remarks>
/// Output m begins with the row <c>anchors[m]</c>; source k is added to output <c>targets[k]</c>. Tokens that are neither are dropped. A map for
/// one image serves a batch of any size. The caller owns the index tensors.
/// </remarks>
public sealed partial class TokenMap
{
    /// <summary>Takes over the index tensors.</summary>
    /// <param name="anchors">int64 [B, M]: the token that each output begins with.</param>
    /// <param name="sources">int64 [B, R]: tokens that are merged into others.</param>
    /// <param name="targets">int64 [B, R]: the output that each source goes to.</param>
    /// <param name="count">N.</param>
    internal TokenMap(Tensor anchors, Tensor sources, Tensor targets, long count) => (Anchors, Sources, Targets, Count) = (anchors, sources, targets, count);

    /// <summary>int64 [B, M]: the token that each output begins with.</summary>
    public Tensor Anchors { get; }

    /// <summary>int64 [B, R]: tokens that are merged into others, in the order of the matching.</summary>
    public Tensor Sources { get; }

    /// <summary>int64 [B, R]: the output that each source goes to.</summary>
    public Tensor Targets { get; }

    /// <summary>The number of tokens that go in, N.</summary>
    public long Count { get; }

    /// <summary>The number of tokens that come out, M.</summary>
    public long GroupCount => Anchors.shape[1];

    /// <summary>The output of every token, int64 [B, N]; −1 for a dropped one.</summary>
    public Tensor Groups()
    {
        using DisposeScope scope = NewDisposeScope();
        long batch = Anchors.shape[0];
        Tensor groups = full([batch, Count], MergeMap.Dropped, dtype: ScalarType.Int64, device: Anchors.device);
        groups.scatter_(1, Anchors, arange(GroupCount, dtype: ScalarType.Int64, device: Anchors.device).expand(batch, GroupCount));
        groups.scatter_(1, Sources, Targets);
        return scope.MoveToOuter(groups);
    }

    /// <summary>One managed map per image.</summary>
    public MergeMap[] ToMergeMaps()
    {
        using DisposeScope scope = NewDisposeScope();
        long[] groups = Groups().to(CPU).data<long>().ToArray();
        var maps = new MergeMap[Anchors.shape[0]];
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
        Tensor anchors = Anchors.gather(1, tensor(order, shape).to(Anchors.device)), targets = tensor(place, shape).to(Anchors.device).gather(1, Targets);
        return new TokenMap(scope.MoveToOuter(anchors), scope.MoveToOuter(Sources.alias()), scope.MoveToOuter(targets), Count);
    }
}
