using System.Text;

namespace Merganser.Checkpoints.Formats;

/// <summary>The kinds of pieces of a SentencePiece model; GGUF uses the same numbers.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>One piece; what was read keeps its message, so that it is written as it was.</summary>
internal readonly record struct SentencePieceEntry(byte[] Piece, float Score, PieceKind Kind, byte[]? Raw = null)
{
    public string Text => Encoding.UTF8.GetString(Piece);
}

/// <summary>The ways to segment that a SentencePiece model can ask for.</summary>
internal enum SentencePieceKind
{
    Unigram = 1,
    Bpe = 2,
    Word = 3,
    Char = 4,
}
