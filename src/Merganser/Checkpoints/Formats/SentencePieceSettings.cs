namespace Merganser.Checkpoints.Formats;

/// <summary>What a SentencePiece model says beside its pieces; an id of -1 means that there is none.</summary>
internal sealed record SentencePieceSettings
{
    public SentencePieceKind Kind { get; init; } = SentencePieceKind.Unigram;

    public bool ByteFallback { get; init; }

    public int UnkId { get; init; }

    public int BosId { get; init; } = -1;

    public int EosId { get; init; } = -1;

    public int PadId { get; init; } = -1;

    public bool AddDummyPrefix { get; init; } = true;

    public bool RemoveExtraWhitespaces { get; init; } = true;

    public byte[] Charsmap { get; init; } = [];
}
