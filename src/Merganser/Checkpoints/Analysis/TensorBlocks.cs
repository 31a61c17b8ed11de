using System.Buffers;

namespace Merganser.Checkpoints.Analysis;

/// <summary>Cuts tensors into blocks, so that all cores work on them and memory stays bounded whatever a tensor's size.</summary>
internal static class TensorBlocks
{
    public const int Elements = 1 << 18;

    /// <summary>A piece of a tensor.</summary>
    /// <param name="Tensor">The tensor's place in the list.</param>
    /// <param name="Start">The first element.</param>
    /// <param name="Length">The number of elements.</param>
    public readonly record struct Block(int Tensor, long Start, int Length);

    /// <summary>
    /// Works on all blocks of all tensors in parallel and folds the results of each tensor in the order of its blocks, so that
    /// sums do not depend on the number of threads. Progress is told in bytes.
    /// </summary>
    public static TResult[] Fold<TPart, TResult>(
        IReadOnlyList<long> lengths, Func<Block, TPart> work, Func<int, IReadOnlyList<TPart>, TResult> fold, Func<int, long> bytesOfElement, IProgress<long>? progress, CancellationToken cancellation)
    {
        List<Block> blocks = [];
        int[] firsts = new int[lengths.Count + 1];
        for (int tensor = 0; tensor < lengths.Count; tensor++)
        {
            firsts[tensor] = blocks.Count;
            for (long start = 0; start < lengths[tensor]; start += Elements)
                blocks.Add(new Block(tensor, start, (int)Math.Min(Elements, lengths[tensor] - start)));
        }

        firsts[^1] = blocks.Count;
        var parts = new TPart[blocks.Count];
        try
        {
            Parallel.For(0, blocks.Count, new ParallelOptions { CancellationToken = cancellation }, i =>
            {
                parts[i] = work(blocks[i]);
                progress?.Report(blocks[i].Length * bytesOfElement(blocks[i].Tensor));
            });
        }
        catch (AggregateException e) when (e.InnerException is MerganserException inner)
        {
            throw inner;
        }

        return [.. Enumerable.Range(0, lengths.Count).Select(tensor => fold(tensor, new ArraySegment<TPart>(parts, firsts[tensor], firsts[tensor + 1] - firsts[tensor])))];
    }

    /// <summary>Reads elements of a tensor as 32-bit floats.</summary>
    public static void Read(TensorSource source, long start, Span<float> destination)
    {
        int size = source.Info.DType.Size();
        byte[] bytes = ArrayPool<byte>.Shared.Rent(destination.Length * size);
        Span<byte> raw = bytes.AsSpan(0, destination.Length * size);
        source.Read(start * size, raw);
        TensorCast.ToSingle(raw, source.Info.DType, destination);
        ArrayPool<byte>.Shared.Return(bytes);
    }
}
