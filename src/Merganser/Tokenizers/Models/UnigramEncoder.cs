namespace Merganser.Tokenizers;

/// <summary>Viterbi over byte positions with the best score and the last piece of each, in f64; nothing is allocated per text.</summary>
internal sealed class UnigramEncoder(UnigramModel model) : ModelEncoder
{
    private const int Unreached = -1;

    private readonly DoubleArrayTrie _trie = model.Trie;
    private readonly int[] _byteIds = model.ByteFallback ? ByteTokens.Find(model.Vocabulary) : [];
    private readonly int _unknown = model.UnkId ?? -2; // an id that no piece has
    private Step[] _best = new Step[256];

    public override void Encode(ReadOnlySpan<byte> pretoken, TokenBuffer tokens)
    {
        if (pretoken.IsEmpty)
            return;
        FindBest(pretoken);
        Link(pretoken.Length);
        for (int start = 0; start < pretoken.Length;)
        {
            int end = _best[start].Next;
            int id = _best[end].Id;
            if (id == _unknown || id < 0)
            {
                while (model.FuseUnk && model.UnkId is not null && end < pretoken.Length && _best[_best[end].Next].Id == _unknown)
                    end = _best[end].Next;
                AddUnknown(pretoken[start..end], start, tokens);
            }
            else
            {
                tokens.Add(id, start, end);
            }

            start = end;
        }
    }

    private void FindBest(ReadOnlySpan<byte> text)
    {
        if (_best.Length <= text.Length)
            _best = new Step[Math.Max(text.Length + 1, 2 * _best.Length)];
        Span<Step> best = _best.AsSpan(0, text.Length + 1);
        best.Fill(new Step { From = Unreached });
        best[0].From = 0;
        ReadOnlySpan<double> scores = model.Scores;
        DoubleArrayTrie trie = _trie;
        int width;
        for (int start = 0; start < text.Length; start += width)
        {
            width = Utf8.LengthAt(text, start, text.Length);
            double here = best[start].Score;
            bool single = false;
            int node = DoubleArrayTrie.Root;
            for (int end = start; end < text.Length;)
            {
                node = trie.Next(node, text[end++]);
                if (node < 0)
                    break;
                int id = trie.Value(node);
                if (id < 0)
                    continue;
                Offer(ref best[end], here + scores[id], start, id);
                single |= end - start == width;
            }

            if (!single)
                Offer(ref best[start + width], here + model.UnknownScore, start, _unknown);
        }
    }

    private static void Offer(ref Step step, double score, int from, int id)
    {
        if (step.From != Unreached && score <= step.Score)
            return;
        step.Score = score;
        step.From = from;
        step.Id = id;
    }

    /// <summary>Turns the chain around, so that it can be read from the left.</summary>
    private void Link(int end)
    {
        while (end > 0)
        {
            int from = _best[end].From;
            _best[from].Next = end;
            end = from;
        }
    }

    private void AddUnknown(ReadOnlySpan<byte> piece, int start, TokenBuffer tokens)
    {
        if (model.Vocabulary.TryGetId(piece, out int id))
        {
            tokens.Add(id, start, start + piece.Length);
        }
        else if (model.ByteFallback && ByteTokens.Cover(_byteIds, piece))
        {
            foreach (byte value in piece)
                tokens.Add(_byteIds[value], start, start + piece.Length);
        }
        else
        {
            if (model.UnkId is null)
                throw new MerganserException($"no piece covers '{System.Text.Encoding.UTF8.GetString(piece[..Math.Min(piece.Length, 16)])}' and the model has no unk_id");
            tokens.Add(_unknown, start, start + piece.Length);
        }
    }

    private struct Step
    {
        public double Score;
        public int From;
        public int Id;
        public int Next;
    }
}
