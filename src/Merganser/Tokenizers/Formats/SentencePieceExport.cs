using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Writes a Unigram pipeline as a SentencePiece model, where that loses nothing.</summary>
internal static class SentencePieceExport
{
    public static void Write(Tokenizer tokenizer, Stream stream)
    {
        if (tokenizer.Model is not UnigramModel { UnkId: { } unkId } model)
            throw new MerganserException("only a Unigram model with an unknown piece can be written as SentencePiece .model");
        if (tokenizer.PreTokenizer is not MetaspacePreTokenizer { Replacement: "\u2581", Split: true, PrependScheme: not PrependScheme.First } metaspace)
            throw new MerganserException("a SentencePiece model needs the Metaspace pre-tokenizer with U+2581, split, and prepending always or never");
        (byte[] charsmap, bool removesSpaces) = Normalization(tokenizer.Normalizer);
        List<SentencePieceEntry> pieces = [];
        for (int id = 0; id < model.Vocabulary.IdLimit; id++)
        {
            if (!model.Vocabulary.Contains(id))
                throw new MerganserException($"the id {id} has no piece; a SentencePiece model cannot have gaps");
            float score = (float)model.Scores[id];
            if (score != model.Scores[id])
                throw new MerganserException($"the score {model.Scores[id]} of the piece {Quoted.Name(model.Vocabulary.GetText(id))} is no 32-bit number; SentencePiece would round it and could choose other pieces");
            PieceKind kind = id == unkId ? PieceKind.Unknown
                : tokenizer.AddedTokens.TryGet(id, out AddedToken added) ? added.Special ? PieceKind.Control : PieceKind.UserDefined
                : model.ByteFallback && ByteFallbackDecoder.TryReadByte(model.Vocabulary.GetText(id), out _) ? PieceKind.Byte
                : PieceKind.Normal;
            pieces.Add(new SentencePieceEntry(model.Vocabulary[id].ToArray(), score, kind));
        }

        foreach (AddedToken token in tokenizer.AddedTokens.Tokens)
        {
            if (!model.Vocabulary.Contains(token.Id))
                throw new MerganserException($"the added token {Quoted.Name(token.Content)} is no piece of the model; SentencePiece cannot hold it");
        }

        SentencePieceFile.Create(pieces, model.ByteFallback, unkId, metaspace.PrependScheme == PrependScheme.Always, removesSpaces, charsmap).Write(stream);
    }

    private static (byte[] Charsmap, bool RemovesSpaces) Normalization(Normalizer? normalizer)
    {
        byte[] charsmap = [];
        List<Normalizer> steps = normalizer switch
        {
            null => [],
            SequenceNormalizer sequence => [.. sequence.Normalizers],
            _ => [normalizer],
        };
        if (steps.Count > 0 && steps[0] is PrecompiledNormalizer precompiled)
        {
            charsmap = precompiled.Charsmap.ToArray();
            steps.RemoveAt(0);
        }

        if (steps.Count == 0)
            return (charsmap, false);
        if (steps is [StripNormalizer { StripLeft: true, StripRight: true }, ReplaceNormalizer { Pattern: { IsRegex: true, Text: " {2,}" }, Content: " " }])
            return (charsmap, true);
        throw new MerganserException("a SentencePiece model can hold only a precompiled table and the removal of extra spaces as normalizer");
    }
}
