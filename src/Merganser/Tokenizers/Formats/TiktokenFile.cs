using System.Buffers.Text;
using System.Security.Cryptography;
using Merganser.Checkpoints;

namespace Merganser.Tokenizers;

/// <summary>
/// Reads and writes <c>.tiktoken</c> files: lines of <c>base64 SP rank</c>. The file has no merges; they follow from the
/// ranks: a token is the last merge of what its bytes give when only lower ranks may be merged.
/// </summary>
internal static class TiktokenFile
{
    private const long LargestFile = 256 << 20;

    /// <summary>The longest token: finding its merge takes time that grows with the square.</summary>
    private const int LongestToken = 1024;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoding">How text is split; null: known by the file's content or name.</param>
    public static Tokenizer Read(string path, TiktokenEncoding? encoding) => Parse(BoundedJson.ReadBytes(path, LargestFile), path, encoding);

    public static Tokenizer Parse(ReadOnlySpan<byte> file, string path, TiktokenEncoding? encoding)
    {
        encoding ??= TiktokenEncoding.Find(Convert.ToHexString(SHA256.HashData(file)), path)
            ?? throw new MerganserException($"{path}: is not a known .tiktoken file (gpt2, cl100k, o200k by content or name); say how it splits text with Tokenizer.LoadTiktoken");
        Vocabulary raw = ReadTokens(file, path);
        var visible = new Vocabulary.Builder();
        byte[] buffer = new byte[2 * LongestToken];
        for (int id = 0; id < raw.IdLimit; id++)
        {
            if (raw.Contains(id))
                visible.Add(buffer.AsSpan(0, ByteLevelAlphabet.Encode(raw[id], buffer)), id);
        }

        Vocabulary vocabulary = visible.Build();
        var merges = new MergeTable.Builder(vocabulary);
        Span<int> ends = stackalloc int[LongestToken];
        Span<int> ranks = stackalloc int[LongestToken];
        for (int id = 0; id < raw.IdLimit; id++)
        {
            ReadOnlySpan<byte> token = raw[id];
            if (token.Length < 2)
                continue;
            int cut = LastCut(raw, token, id, ends, ranks);
            if (cut < 0)
                throw new MerganserException($"{path}: the token of rank {id} is not made of two tokens of lower rank; the file is damaged");
            raw.TryGetId(token[..cut], out int left);
            raw.TryGetId(token[cut..], out int right);
            merges.Add(left, right);
        }

        foreach (AddedToken special in encoding.SpecialTokens)
        {
            if (vocabulary.Contains(special.Id))
                throw new MerganserException($"{path}: the id {special.Id} of the special token '{special.Content}' is a rank of the file");
        }

        bool isGpt2 = encoding.Pattern == SplitScanner.Gpt2Pattern;
        return new Tokenizer(new BpeModel(vocabulary, merges.Build()) { IgnoreMerges = true })
        {
            PreTokenizer = isGpt2
                ? new ByteLevelPreTokenizer { AddPrefixSpace = false }
                : new SequencePreTokenizer(
                [
                    new SplitPreTokenizer { Pattern = SplitPattern.Regex(encoding.Pattern), Behavior = SplitBehavior.Isolated },
                    new ByteLevelPreTokenizer { AddPrefixSpace = false, UseRegex = false },
                ]),
            Decoder = new ByteLevelDecoder(),
            AddedTokens = new AddedVocabulary(encoding.SpecialTokens),
        };
    }

    /// <summary>Writes the tokens of a byte-level tokenizer.</summary>
    /// <exception cref="MerganserException">The file could not give the same encodings; the message says why.</exception>
    public static void Write(Tokenizer tokenizer, Stream stream)
    {
        if (tokenizer.Model is not BpeModel { ContinuingSubwordPrefix: "", EndOfWordSuffix: "", ByteFallback: false } bpe || bpe.Dropout is > 0 || tokenizer.Decoder is not ByteLevelDecoder)
            throw new MerganserException("only a byte-level BPE without dropout, prefix, suffix and byte fallback can be written as .tiktoken");
        if (tokenizer.Normalizer is not null)
            throw new MerganserException("a .tiktoken file cannot hold the normalizer; without it the ids would differ");
        Vocabulary vocabulary = bpe.Vocabulary;
        var raw = new Vocabulary.Builder();
        byte[] bytes = new byte[LongestToken];
        for (int id = 0; id < vocabulary.IdLimit; id++)
        {
            if (!vocabulary.Contains(id) || tokenizer.AddedTokens.TryGet(id, out _))
                continue;
            if (vocabulary[id].Length > LongestToken || !ByteLevelAlphabet.TryDecode(vocabulary[id], bytes, out int length))
                throw new MerganserException($"the token {id} ('{vocabulary.GetText(id)}') is not in the byte-level alphabet or longer than {LongestToken} bytes");
            raw.Add(bytes.AsSpan(0, length), id);
        }

        CheckMerges(bpe, raw.Build());
        Span<byte> line = stackalloc byte[(2 * LongestToken) + 16];
        for (int id = 0; id < vocabulary.IdLimit; id++)
        {
            if (!vocabulary.Contains(id) || tokenizer.AddedTokens.TryGet(id, out _))
                continue;
            ByteLevelAlphabet.TryDecode(vocabulary[id], bytes, out int length);
            Base64.EncodeToUtf8(bytes.AsSpan(0, length), line, out _, out int written);
            line[written++] = (byte)' ';
            Utf8Formatter.TryFormat(id, line[written..], out int digits);
            written += digits;
            line[written++] = (byte)'\n';
            stream.Write(line[..written]);
        }
    }

    /// <summary>Ranks order the merges only when each token is made by one merge and in the order of ids.</summary>
    private static void CheckMerges(BpeModel bpe, Vocabulary raw)
    {
        Span<int> ends = stackalloc int[LongestToken];
        Span<int> ranks = stackalloc int[LongestToken];
        int last = -1;
        for (int rank = 0; rank < bpe.Merges.Count; rank++)
        {
            (int left, _, int result) = bpe.Merges[rank];
            if (result <= last)
                throw new MerganserException($"merge {rank} makes the token {result} after the token {last}: the ids are not in the order of the merges, which .tiktoken needs");
            last = result;
            if (!raw.Contains(result) || LastCut(raw, raw[result], result, ends, ranks) != raw[left].Length)
                throw new MerganserException($"merge {rank} is not what the ranks alone would give for the token {result}; .tiktoken cannot hold it");
        }

        int merged = 0;
        for (int id = 0; id < raw.IdLimit; id++)
            merged += raw[id].Length >= 2 ? 1 : 0;
        if (merged != bpe.Merges.Count)
            throw new MerganserException($"{merged} tokens have two or more bytes, but there are {bpe.Merges.Count} merges; .tiktoken needs one for each");
    }

    private static Vocabulary ReadTokens(ReadOnlySpan<byte> file, string path)
    {
        var builder = new Vocabulary.Builder();
        Span<byte> token = stackalloc byte[LongestToken + 4];
        int number = 0;
        while (!file.IsEmpty)
        {
            number++;
            int end = file.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = (end < 0 ? file : file[..end]).TrimEnd((byte)'\r');
            file = end < 0 ? [] : file[(end + 1)..];
            if (line.IsEmpty)
                continue;
            int space = line.IndexOf((byte)' ');
            if (space < 0 || !Utf8Parser.TryParse(line[(space + 1)..], out int rank, out int used) || used != line.Length - space - 1)
                throw new MerganserException($"{path}: line {number} is not 'base64 rank'");
            if (space > Base64.GetMaxEncodedToUtf8Length(LongestToken))
                throw new MerganserException($"{path}: line {number} has a token of more than {LongestToken} bytes");
            if (Base64.DecodeFromUtf8(line[..space], token, out _, out int length) != System.Buffers.OperationStatus.Done || length == 0 || length > LongestToken)
                throw new MerganserException($"{path}: line {number} has no valid base64");
            try
            {
                builder.Add(token[..length], rank);
            }
            catch (MerganserException e)
            {
                throw new MerganserException($"{path}: line {number}: {e.Message}", e);
            }
        }

        try
        {
            return builder.Build();
        }
        catch (MerganserException e)
        {
            throw new MerganserException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Merges the bytes of a token with ranks below its own, lowest first, leftmost first; where the two parts that are left meet.</summary>
    /// <returns>-1 when not two parts are left.</returns>
    private static int LastCut(Vocabulary raw, ReadOnlySpan<byte> token, int limit, Span<int> ends, Span<int> ranks)
    {
        // Part i ends at ends[i]; ranks[i] is the rank of part i joined with the next.
        int count = token.Length;
        for (int i = 0; i < count; i++)
            ends[i] = i + 1;
        for (int i = 0; i + 1 < count; i++)
            ranks[i] = Rank(raw, token, i, i + 2, limit);
        while (count > 1)
        {
            int best = -1;
            for (int i = 0; i + 1 < count; i++)
            {
                if (ranks[i] < (best < 0 ? int.MaxValue : ranks[best]))
                    best = i;
            }

            if (best < 0)
                break;
            ends[(best + 1)..count].CopyTo(ends[best..]);
            count--;
            if (best + 1 < count)
                ranks[(best + 2)..(count + 1)].CopyTo(ranks[(best + 1)..]);
            if (best + 1 < count)
                ranks[best] = Rank(raw, token, best == 0 ? 0 : ends[best - 1], ends[best + 1], limit);
            if (best > 0)
                ranks[best - 1] = Rank(raw, token, best == 1 ? 0 : ends[best - 2], ends[best], limit);
        }

        return count == 2 && raw.TryGetId(token[..ends[0]], out _) && raw.TryGetId(token[ends[0]..], out _) ? ends[0] : -1;
    }

    private static int Rank(Vocabulary raw, ReadOnlySpan<byte> token, int start, int end, int limit) =>
        raw.TryGetId(token[start..end], out int rank) && rank < limit ? rank : int.MaxValue;
}
