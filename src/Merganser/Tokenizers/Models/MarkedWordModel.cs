namespace Merganser.Tokenizers;

/// <summary>
/// The word model of SentencePiece over a whole text: words begin at U+2581, and neighbouring words that are unknown become
/// one token, across which no tokenizer.json pipeline could join them. Hence a model of its own, which only a
/// <c>.model</c> file can hold.
/// </summary>
internal sealed class MarkedWordModel(Vocabulary vocabulary, int unknownId, bool byteFallback) : TokenizerModel
{
    public override Vocabulary Vocabulary { get; } = vocabulary;

    public override string Type => "WordLevel";

    public override int? UnknownId { get; } = unknownId;

    public bool ByteFallback { get; } = byteFallback;

    public override ModelEncoder CreateEncoder() => new Encoder(this);

    /// <summary>Where the word that begins at a place ends: before the next marker.</summary>
    public static int EndOfWord(ReadOnlySpan<byte> text, int start)
    {
        int next = Utf8.LengthAt(text, start, text.Length);
        int marker = text[(start + next)..].IndexOf(SentencePieceNormalizer.Marker);
        return marker < 0 ? text.Length : start + next + marker;
    }

    private sealed class Encoder(MarkedWordModel model) : ModelEncoder
    {
        private readonly int _unknownId = model.UnknownId!.Value;
        private readonly int[] _byteIds = model.ByteFallback ? ByteTokens.Find(model.Vocabulary) : [];

        public override void Encode(ReadOnlySpan<byte> pretoken, TokenBuffer tokens)
        {
            int unknownStart = -1; // of the unknown words that wait for the next known one
            for (int start = 0; start < pretoken.Length;)
            {
                int end = EndOfWord(pretoken, start);
                bool isKnown = model.Vocabulary.TryGetId(pretoken[start..end], out int id) && id != _unknownId;
                if (!isKnown && model.ByteFallback)
                {
                    for (int i = start; i < end; i++)
                        tokens.Add(_byteIds[pretoken[i]], i, i + 1);
                }
                else if (!isKnown && unknownStart < 0)
                {
                    unknownStart = start;
                }

                if (isKnown)
                {
                    if (unknownStart >= 0)
                        tokens.Add(_unknownId, unknownStart, start);
                    unknownStart = -1;
                    tokens.Add(id, start, end);
                }

                start = end;
            }

            if (unknownStart >= 0)
                tokens.Add(_unknownId, unknownStart, pretoken.Length);
        }
    }
}
