using TorchSharp;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Merganser.Neural.Tokens.Cpu;

/// <summary>Maps applied to rows of float32 by copying them, with a list of sources for each row that receives.</summary>
internal static unsafe class RowMerging
{
    /// <summary>Whether rows can be read and written in place and no gradient is wanted.</summary>
    public static bool Serves(Tensor x) => x.device_type == DeviceType.CPU && x.dtype == ScalarType.Float32 && x.is_contiguous() && x.numel() > 0 && !(x.requires_grad && is_grad_enabled());

    /// <summary>Means weighted with sizes and the new sizes; plain means without; anchors alone if nothing is merged.</summary>
    /// <param name="lists">The map; its one image serves all if it has one.</param>
    /// <param name="x">[B, N, C].</param>
    /// <param name="size">[B, N, 1], or null for ones.</param>
    /// <param name="wantsSize">The new sizes are wanted.</param>
    public static (Tensor Rows, Tensor? Size) Mean(IndexLists lists, Tensor x, Tensor? size, bool wantsSize)
    {
        int batch = (int)x.shape[0], count = lists.Count, groups = lists.Groups, width = (int)x.shape[2];
        Tensor rows = empty([batch, groups, width]);
        Tensor? sizes = wantsSize ? empty([batch, groups, 1]) : null;
        float* from = Pointer(x), to = Pointer(rows), weights = size is null ? null : Pointer(size), totals = sizes is null ? null : Pointer(sizes);
        Images.Run(batch, image => Merge(
            lists,
            lists.Batch == 1 ? 0 : image,
            from + ((nint)image * count * width),
            weights is null ? null : weights + ((nint)image * count),
            width,
            to + ((nint)image * groups * width),
            totals is null ? null : totals + ((nint)image * groups)));
        GC.KeepAlive(x);
        GC.KeepAlive(size);
        return (rows, sizes);
    }

    private static void Merge(IndexLists lists, int image, float* x, float* size, int width, float* rows, float* sizes)
    {
        ReadOnlySpan<int> anchors = lists.AnchorsOf(image), sources = lists.SourcesOf(image), targets = lists.TargetsOf(image);
        int[] buffer = System.Buffers.ArrayPool<int>.Shared.Rent(anchors.Length + sources.Length);
        Span<int> head = buffer.AsSpan(0, anchors.Length), next = buffer.AsSpan(anchors.Length, sources.Length);
        head.Fill(-1);
        for (int edge = sources.Length - 1; edge >= 0; edge--)
            (next[edge], head[targets[edge]]) = (head[targets[edge]], edge);
        for (int group = 0; group < anchors.Length; group++)
        {
            var row = new Span<float>(rows + ((nint)group * width), width);
            var own = new ReadOnlySpan<float>(x + ((nint)anchors[group] * width), width);
            float weight = size is null ? 1 : size[anchors[group]];
            if (head[group] < 0)
            {
                own.CopyTo(row);
            }
            else
            {
                float total = weight;
                TensorPrimitives.Multiply(own, weight, row);
                for (int edge = head[group]; edge >= 0; edge = next[edge])
                {
                    float other = size is null ? 1 : size[sources[edge]];
                    total += other;
                    TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(x + ((nint)sources[edge] * width), width), other, row, row);
                }

                TensorPrimitives.Divide(row, total, row);
                weight = total;
            }

            if (sizes is not null)
                sizes[group] = weight;
        }

        System.Buffers.ArrayPool<int>.Shared.Return(buffer);
    }

    private static float* Pointer(Tensor tensor)
    {
        fixed (byte* start = tensor.bytes) // Native memory: it does not move.
            return (float*)start;
    }
}
