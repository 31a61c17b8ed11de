using Merganser.Tokenizers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Processing;

/// <summary>Texts as rows of token ids with their special tokens, long ones cut as the tokenizer would; and rows as one padded batch.</summary>
internal sealed class TokenRows(Tokenizer tokenizer, int? most)
{
    private static readonly EncodeOptions Unpadded = new() { Pad = false };
    private readonly Tokenizer? _cutting = most is { } limit
        ? tokenizer.WithTruncation(new Truncation { MaxLength = limit, Direction = tokenizer.Truncation?.Direction ?? TextDirection.Right })
        : null;

    /// <summary>The ids of a text.</summary>
    public int[] Encode(string text)
    {
        int[] ids = tokenizer.EncodeToIds(text);
        return ids.Length > most ? [.. _cutting!.Encode(text, options: Unpadded).Ids] : ids;
    }

    /// <summary>The ids of several texts.</summary>
    public int[][] Encode(IReadOnlyList<string> texts)
    {
        int[][] rows = new int[texts.Count][];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = Encode(texts[i]);
        return rows;
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
