using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>
/// Scores with which SentencePiece makes the merges of a BPE model: minus the place of a piece in the order of merges, as its
/// own trainer writes them. SentencePiece joins any two neighbours whose text together is a piece, and all ways to make a piece
/// have one score; a list of merges can say otherwise and is then refused. That of two ways to make one piece SentencePiece takes the
/// leftmost and a list the one that stands first does not matter: which of them comes up is decided by the better pieces before.
/// </summary>
internal static class SentencePieceMergeScores
{
    private const int LargestExact = 1 << 24; // whole numbers that a 32-bit score holds

    /// <exception cref="MerganserException">SentencePiece would merge otherwise.</exception>
    public static void Set(List<SentencePieceEntry> pieces, BpeModel model)
    {
        MergeTable merges = model.Merges;
        var places = new int[pieces.Count];
        Array.Fill(places, -1);
        int place = 0;
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (int left, int right, int result) = merges[rank];
            if (merges.Rank(left, right) != rank)
                continue; // it stands again further down, which counts
            foreach (int id in (ReadOnlySpan<int>)[left, right, result])
            {
                if (pieces[id].Kind != PieceKind.Normal)
                    throw Refused($"the merge {rank} uses {Name(pieces[id])}, which is no ordinary piece");
            }

            if (places[result] < 0)
                places[result] = place++;
            else if (places[result] != place - 1)
                throw Refused($"the merges that make {Name(pieces[result])} do not follow one another, and all ways to make a piece have one score in SentencePiece");
        }

        if (pieces.Count > LargestExact)
            throw Refused($"{pieces.Count} pieces are more than scores can tell apart");
        int next = place;
        for (int id = 0; id < pieces.Count; id++)
        {
            if (pieces[id].Kind == PieceKind.Normal)
                pieces[id] = pieces[id] with { Score = -(places[id] >= 0 ? places[id] : next++) };
        }

        CheckCuts(pieces, model, places);
    }

    /// <summary>Wherever two symbols together are a piece, they must merge.</summary>
    private static void CheckCuts(List<SentencePieceEntry> pieces, BpeModel model, int[] places)
    {
        for (int id = 0; id < pieces.Count; id++)
        {
            if (pieces[id].Kind != PieceKind.Normal)
                continue;
            ReadOnlySpan<byte> piece = pieces[id].Piece;
            int last = piece.Length - 1;
            while (last > 0 && (piece[last] & 0xC0) == 0x80)
                last--;
            for (int cut = Utf8.LengthAt(piece, 0, piece.Length); cut < piece.Length; cut += Utf8.LengthAt(piece, cut, piece.Length))
            {
                int left = Symbol(piece[..cut]);
                int right = Symbol(piece[cut..]);
                bool isPair = (left >= 0 || cut == Utf8.LengthAt(piece, 0, piece.Length)) && (right >= 0 || cut == last);
                if (isPair && (left < 0 || right < 0 || model.Merges.Rank(left, right) < 0))
                    throw Refused($"it would join {Quoted.Name(System.Text.Encoding.UTF8.GetString(piece[..cut]))} and {Quoted.Name(System.Text.Encoding.UTF8.GetString(piece[cut..]))} to {Name(pieces[id])}, which is no merge of this model");
            }
        }

        // The id of a text that can come up as a symbol: a character, or what a merge makes.
        int Symbol(ReadOnlySpan<byte> text) =>
            model.Vocabulary.TryGetId(text, out int id) && (places[id] >= 0 || Utf8.LengthAt(text, 0, text.Length) == text.Length) ? id : -1;
    }

    private static string Name(SentencePieceEntry piece) => Quoted.Name(piece.Text);

    private static MerganserException Refused(string why) => new($"SentencePiece would merge otherwise than this BPE model: {why}");
}
