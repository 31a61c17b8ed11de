using Merganser.Tokenizers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Processing;

/// <summary>Texts as rows of token ids, and rows as one padded batch.</summary>
internal static class TokenRows
{
    /// <summary>The ids of a text with its special tokens; of what is too long the beginning and the last token are kept.</summary>
    public static int[] Encode(Tokenizer tokenizer, string text, int? most)
    {
        int[] ids = tokenizer.EncodeToIds(text);
        return most is { } limit && ids.Length > limit ? [.. ids.AsSpan(0, limit - 1), ids[^1]] : ids;
    }

    /// <summary>Batches of rows of like length, so that little is padding.</summary>
    public static IEnumerable<int[]> Batches(IReadOnlyList<int[]> rows, int batch)
    {
        int[] order = [.. Enumerable.Range(0, rows.Count)];
        Array.Sort(order, (a, b) => rows[a].Length != rows[b].Length ? rows[a].Length.CompareTo(rows[b].Length) : a.CompareTo(b));
        return order.Chunk(batch);
    }

    /// <summary>Ids and mask, int64 [B, T] each; an empty row is one masked pad.</summary>
    public static (Tensor Ids, Tensor Mask) Pad(IReadOnlyList<int[]> rows, int pad, Device device)
    {
        int longest = Math.Max(1, rows.Max(row => row.Length));
        long[] ids = new long[rows.Count * longest], mask = new long[ids.Length];
        Array.Fill(ids, pad);
        for (int row = 0; row < rows.Count; row++)
        {
            for (int i = 0; i < rows[row].Length; i++)
                (ids[(row * longest) + i], mask[(row * longest) + i]) = (rows[row][i], 1);
        }

        return (tensor(ids, [rows.Count, longest], device: device), tensor(mask, [rows.Count, longest], device: device));
    }
}
