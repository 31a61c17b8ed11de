using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>
/// The adjacent parts whose joint piece has the best score are joined first, leftmost on a tie; unused pieces that came out
/// are taken apart again.
/// </summary>
internal sealed class SentencePieceBpe(SentencePieceFile file, int unkId, Vocabulary vocabulary, DoubleArrayTrie? userDefined) : SentencePieceSegmenter
{
    public override IReadOnlyList<(int Id, int End)> Segment(ReadOnlySpan<byte> text)
    {
        // Parts by number; a part that was joined to the one before has length 0.
        List<int> starts = [];
        List<int> lengths = [];
        List<bool> isFixed = [];
        for (int at = 0; at < text.Length;)
        {
            int length = userDefined?.LongestMatch(text[at..], out _) ?? 0;
            isFixed.Add(length > 0);
            if (length == 0)
                length = Utf8.LengthAt(text, at, text.Length);
            starts.Add(at);
            lengths.Add(length);
            at += length;
        }

        int count = starts.Count;
        var next = new int[count];
        var previous = new int[count];
        for (int i = 0; i < count; i++)
            (previous[i], next[i]) = (i - 1, i + 1 < count ? i + 1 : -1);
        var queue = new PriorityQueue<(int Left, int Right, int Length), (float Score, int Left)>(
            Comparer<(float Score, int Left)>.Create((a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Left.CompareTo(b.Left)));
        Dictionary<int, int> unusedCuts = []; // of unused pieces: the length of their left part
        for (int i = 1; i < count; i++)
            Offer(text, i - 1, i);
        while (queue.TryDequeue(out (int Left, int Right, int Length) pair, out _))
        {
            (int left, int right, int length) = pair;
            if (lengths[left] == 0 || lengths[right] == 0 || lengths[left] + lengths[right] != length)
                continue;
            lengths[left] = length;
            lengths[right] = 0;
            next[left] = next[right];
            if (next[right] >= 0)
                previous[next[right]] = left;
            if (previous[left] >= 0)
                Offer(text, previous[left], left);
            if (next[left] >= 0)
                Offer(text, left, next[left]);
        }

        List<(int Id, int End)> path = [];
        Stack<(int Start, int Length)> open = [];
        for (int i = 0; i >= 0 && i < count; i = next[i])
        {
            open.Push((starts[i], lengths[i]));
            while (open.TryPop(out (int Start, int Length) part))
            {
                int id = Find(text.Slice(part.Start, part.Length));
                if (id != unkId && file.Pieces[id].Kind == PieceKind.Unused && unusedCuts.TryGetValue(id, out int cut))
                {
                    open.Push((part.Start + cut, part.Length - cut));
                    open.Push((part.Start, cut));
                    continue;
                }

                path.Add((id, part.Start + part.Length));
            }
        }

        return path;

        void Offer(ReadOnlySpan<byte> all, int left, int right)
        {
            if (isFixed[left] || isFixed[right])
                return;
            int length = lengths[left] + lengths[right];
            if (!vocabulary.TryGetId(all.Slice(starts[left], length), out int id) || file.Pieces[id].Kind is not (PieceKind.Normal or PieceKind.UserDefined or PieceKind.Unused))
                return;
            queue.Enqueue((left, right, length), (file.Pieces[id].Score, left));
            if (file.Pieces[id].Kind == PieceKind.Unused)
                unusedCuts[id] = lengths[left];
        }
    }

    private int Find(ReadOnlySpan<byte> piece) => vocabulary.TryGetId(piece, out int id) ? id : unkId;
}
