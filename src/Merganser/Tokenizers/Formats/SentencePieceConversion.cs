namespace Merganser.Tokenizers;

/// <summary>A SentencePiece model as a tokenizer.json pipeline with the same ids.</summary>
internal static class SentencePieceConversion
{
    private const string Marker = "\u2581";

    public static Tokenizer ToTokenizer(SentencePieceFile file, Vocabulary vocabulary, int unkId)
    {
        if (!file.EscapeWhitespaces)
            throw new MerganserException("a SentencePiece model that does not escape white space has no tokenizer.json form");
        if (file.TreatWhitespaceAsSuffix)
            throw new MerganserException("a SentencePiece model with white space as suffix has no tokenizer.json form");
        PrependScheme scheme = file.AddDummyPrefix ? PrependScheme.Always : PrependScheme.Never;
        List<Normalizer> normalizers = [];
        if (file.Charsmap.Length > 0)
            normalizers.Add(new PrecompiledNormalizer(file.Charsmap));
        if (file.RemoveExtraWhitespaces)
        {
            normalizers.Add(new StripNormalizer());
            normalizers.Add(new ReplaceNormalizer { Pattern = SplitPattern.Regex(" {2,}"), Content = " " });
        }

        return new Tokenizer(Model(file, vocabulary, unkId))
        {
            Normalizer = normalizers.Count switch
            {
                0 => null,
                1 => normalizers[0],
                _ => new SequenceNormalizer(normalizers),
            },
            PreTokenizer = new MetaspacePreTokenizer { PrependScheme = scheme, Split = file.ModelType == 1 },
            Decoder = file.ByteFallback
                ? new SequenceDecoder(
                [
                    new ReplaceDecoder { Pattern = SplitPattern.Literal(Marker), Content = " " }, new ByteFallbackDecoder(), new FuseDecoder(),
                    new StripDecoder { Content = " ", Start = file.AddDummyPrefix ? 1 : 0 },
                ])
                : new MetaspaceDecoder { PrependScheme = scheme, Split = file.ModelType == 1 },
            AddedTokens = Added(file),
        };
    }

    private static AddedVocabulary Added(SentencePieceFile file)
    {
        List<AddedToken> tokens = [];
        for (int id = 0; id < file.Pieces.Count; id++)
        {
            SentencePieceEntry piece = file.Pieces[id];
            if (piece.Kind is PieceKind.Control or PieceKind.Unknown or PieceKind.UserDefined)
                tokens.Add(new AddedToken(id, System.Text.Encoding.UTF8.GetString(piece.Piece), Special: piece.Kind != PieceKind.UserDefined));
        }

        return new AddedVocabulary(tokens);
    }

    private static TokenizerModel Model(SentencePieceFile file, Vocabulary vocabulary, int unkId)
    {
        if (file.ModelType == 1)
        {
            var scores = new double[file.Pieces.Count];
            for (int id = 0; id < scores.Length; id++)
                scores[id] = file.Pieces[id].Score;
            return new UnigramModel(vocabulary, scores) { UnkId = unkId, ByteFallback = file.ByteFallback };
        }

        // Every way to make a piece of two others is a merge; the piece with the better score comes first.
        List<(float Score, int Id, int Cut)> merges = [];
        for (int id = 0; id < file.Pieces.Count; id++)
        {
            SentencePieceEntry piece = file.Pieces[id];
            if (piece.Kind != PieceKind.Normal)
                continue;
            ReadOnlySpan<byte> bytes = piece.Piece;
            for (int cut = Utf8.LengthAt(bytes, 0, bytes.Length); cut < bytes.Length; cut += Utf8.LengthAt(bytes, cut, bytes.Length))
            {
                if (vocabulary.TryGetId(bytes[..cut], out int left) && vocabulary.TryGetId(bytes[cut..], out int right)
                    && file.Pieces[left].Kind == PieceKind.Normal && file.Pieces[right].Kind == PieceKind.Normal)
                    merges.Add((piece.Score, id, cut));
            }
        }

        merges.Sort((a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Id != b.Id ? a.Id.CompareTo(b.Id) : a.Cut.CompareTo(b.Cut));
        var builder = new MergeTable.Builder(vocabulary);
        foreach ((float _, int id, int cut) in merges)
            builder.Add(vocabulary[id][..cut], vocabulary[id][cut..]);
        return new BpeModel(vocabulary, builder.Build())
        {
            UnkToken = vocabulary.GetText(unkId),
            FuseUnk = true,
            ByteFallback = file.ByteFallback,
        };
    }
}
