using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Writes a pipeline as a SentencePiece model, where that loses nothing.</summary>
internal static class SentencePieceExport
{
    public static void Write(Tokenizer tokenizer, Stream stream)
    {
        bool hasUserDefined = tokenizer.AddedTokens.Tokens.Any(token => !token.Special);
        var text = SentencePiecePreparation.Read(tokenizer, hasUserDefined);
        TokenizerModel model = tokenizer.Model;
        Func<string, bool> isByte = model is UnigramModel { ByteFallback: true } or BpeModel { ByteFallback: true } or MarkedWordModel { ByteFallback: true }
            ? piece => ByteFallbackDecoder.TryReadByte(piece, out _)
            : _ => false;
        int unkId = UnknownOf(model);
        List<SentencePieceEntry> pieces = [];
        for (int id = 0; id < model.Vocabulary.IdLimit; id++)
        {
            if (!model.Vocabulary.Contains(id))
                throw new MerganserException($"the id {id} has no piece; a SentencePiece model cannot have gaps");
            PieceKind kind = id == unkId ? PieceKind.Unknown
                : tokenizer.AddedTokens.TryGet(id, out AddedToken added) ? added.Special ? PieceKind.Control : PieceKind.UserDefined
                : isByte(model.Vocabulary.GetText(id)) ? PieceKind.Byte
                : PieceKind.Normal;
            pieces.Add(new SentencePieceEntry(model.Vocabulary[id].ToArray(), model is UnigramModel unigram ? Score(unigram, id) : 0, kind));
        }

        foreach (AddedToken token in tokenizer.AddedTokens.Tokens)
        {
            // Beyond the model's own ids they follow one another, else the gap has been named above or is here.
            if (model.Vocabulary.Contains(token.Id))
                continue;
            if (token.Id != pieces.Count)
                throw new MerganserException($"the added token {Quoted.Name(token.Content)} has the id {token.Id}, but the next one is {pieces.Count}; a SentencePiece model cannot have gaps");
            pieces.Add(new SentencePieceEntry(System.Text.Encoding.UTF8.GetBytes(token.Content), 0, token.Special ? PieceKind.Control : PieceKind.UserDefined));
        }

        var settings = new SentencePieceSettings
        {
            Kind = text.Splits ? SentencePieceKind.Unigram : model is MarkedWordModel ? SentencePieceKind.Word : SentencePieceKind.Bpe,
            ByteFallback = pieces.Exists(piece => piece.Kind == PieceKind.Byte),
            UnkId = unkId,
            BosId = Control(pieces, "<s>"),
            EosId = Control(pieces, "</s>"),
            PadId = Control(pieces, "<pad>"),
            AddDummyPrefix = text.AddDummyPrefix,
            RemoveExtraWhitespaces = text.RemoveExtraWhitespaces,
            Charsmap = text.Charsmap,
        };
        if (model is BpeModel bpe)
            SentencePieceMergeScores.Set(pieces, bpe);
        SentencePieceFile.Create(pieces, settings).Write(stream);
    }

    private static int UnknownOf(TokenizerModel model) => model switch
    {
        UnigramModel { UnkId: { } id, FuseUnk: true } => id,
        MarkedWordModel { UnknownId: { } id } => id,
        BpeModel { Dropout: > 0 } => throw new MerganserException("a SentencePiece model has no dropout"),
        BpeModel { IgnoreMerges: true } => throw new MerganserException("a SentencePiece model cannot take a pretoken whole against the merges (ignore_merges)"),
        BpeModel bpe when bpe.ContinuingSubwordPrefix.Length > 0 || bpe.EndOfWordSuffix.Length > 0 =>
            throw new MerganserException("a SentencePiece model has no prefix of continuing pieces and no suffix of words"),
        BpeModel { UnknownId: { } id } bpe when bpe.FuseUnk || (bpe.ByteFallback && !ByteTokens.Find(bpe.Vocabulary).Contains(-1)) => id,
        UnigramModel or BpeModel => throw new MerganserException("a SentencePiece model needs an unknown piece (unk_id, unk_token) and joins neighbouring unknown characters (fuse_unk)"),
        _ => throw new MerganserException("only a Unigram, BPE or SentencePiece word model can be written as SentencePiece .model"),
    };

    private static float Score(UnigramModel model, int id)
    {
        float score = (float)model.Scores[id];
        return score == model.Scores[id]
            ? score
            : throw new MerganserException($"the score {model.Scores[id]} of the piece {Quoted.Name(model.Vocabulary.GetText(id))} is no 32-bit number; SentencePiece would round it and could choose other pieces");
    }

    private static int Control(List<SentencePieceEntry> pieces, string name) => pieces.FindIndex(piece => piece.Kind == PieceKind.Control && piece.Text == name);
}
