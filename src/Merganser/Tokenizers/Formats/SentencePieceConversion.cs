using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>A SentencePiece model as a tokenizer.json pipeline with the same ids.</summary>
internal static class SentencePieceConversion
{
    /// <summary>Spaces that are stripped; at the end SentencePiece takes markers in the text for spaces.</summary>
    public const string EdgeSpaces = "\\A +|[ \u2581]+\\z";

    /// <summary>Spaces that become one.</summary>
    public const string SpaceRuns = " {2,}";

    private const string Marker = "\u2581";

    public static Tokenizer ToTokenizer(SentencePieceFile file, Vocabulary vocabulary, int unkId)
    {
        if (!file.EscapeWhitespaces)
            throw new MerganserException("a SentencePiece model that does not escape white space has no tokenizer.json form");
        if (file.TreatWhitespaceAsSuffix)
            throw new MerganserException("a SentencePiece model with white space as suffix has no tokenizer.json form");
        bool hasUserDefined = file.Pieces.Exists(piece => piece.Kind == PieceKind.UserDefined);
        bool splits = file.Kind == SentencePieceKind.Unigram;
        List<Normalizer> normalizers = [];
        if (file.Charsmap.Length > 0)
            normalizers.Add(new PrecompiledNormalizer(file.Charsmap));
        if (file.RemoveExtraWhitespaces)
        {
            // Between user-defined pieces spaces count; only the text as a whole would be stripped.
            if (!hasUserDefined)
                normalizers.Add(new ReplaceNormalizer { Pattern = SplitPattern.Regex(EdgeSpaces), Content = "" });
            normalizers.Add(new ReplaceNormalizer { Pattern = SplitPattern.Regex(SpaceRuns), Content = " " });
        }

        // Metaspace takes a space or marker at the beginning for the one that it would put there, SentencePiece does not. But
        // between user-defined pieces only Metaspace knows where the text begins.
        if (file.AddDummyPrefix && !hasUserDefined)
            normalizers.Add(new PrependNormalizer { Prepend = Marker });
        PrependScheme scheme = file.AddDummyPrefix && hasUserDefined ? PrependScheme.First : PrependScheme.Never;
        bool marksEarly = !splits && scheme == PrependScheme.Never;
        if (marksEarly)
            normalizers.Add(new ReplaceNormalizer { Pattern = SplitPattern.Literal(" "), Content = Marker });
        return new Tokenizer(Model(file, vocabulary, unkId))
        {
            Normalizer = normalizers.Count switch
            {
                0 => null,
                1 => normalizers[0],
                _ => new SequenceNormalizer(normalizers),
            },
            PreTokenizer = marksEarly ? null : new MetaspacePreTokenizer { PrependScheme = scheme, Split = splits },
            Decoder = Decoder(file, splits),
            AddedTokens = Added(file),
        };
    }

    private static TokenDecoder Decoder(SentencePieceFile file, bool splits)
    {
        if (!file.ByteFallback)
            return new MetaspaceDecoder { PrependScheme = file.AddDummyPrefix ? PrependScheme.Always : PrependScheme.Never, Split = splits };
        return new SequenceDecoder(
        [
            new ReplaceDecoder { Pattern = SplitPattern.Literal(Marker), Content = " " }, new ByteFallbackDecoder(), new FuseDecoder(),
            new StripDecoder { Content = " ", Start = file.AddDummyPrefix ? 1 : 0 },
        ]);
    }

    private static AddedVocabulary Added(SentencePieceFile file)
    {
        List<AddedToken> tokens = [];
        for (int id = 0; id < file.Pieces.Count; id++)
        {
            SentencePieceEntry piece = file.Pieces[id];
            if (piece.Kind is PieceKind.Control or PieceKind.Unknown or PieceKind.UserDefined)
                tokens.Add(new AddedToken(id, piece.Text, Special: piece.Kind != PieceKind.UserDefined));
        }

        return new AddedVocabulary(tokens);
    }

    private static TokenizerModel Model(SentencePieceFile file, Vocabulary vocabulary, int unkId)
    {
        if (file.Kind == SentencePieceKind.Word)
            return new MarkedWordModel(vocabulary, unkId, file.ByteFallback);
        if (file.Kind == SentencePieceKind.Unigram)
        {
            var scores = new double[file.Pieces.Count];
            for (int id = 0; id < scores.Length; id++)
                scores[id] = file.Pieces[id].Score;
            return new UnigramModel(vocabulary, scores) { UnkId = unkId, ByteFallback = file.ByteFallback };
        }

        // Every way to make a piece of two others is a merge; the piece with the better score comes first.
        List<(float Score, int Id, int Cut)> merges = [];
        for (int id = 0; id < file.Pieces.Count && file.Kind == SentencePieceKind.Bpe; id++)
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
