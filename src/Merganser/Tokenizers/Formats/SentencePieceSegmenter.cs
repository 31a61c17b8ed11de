namespace Merganser.Tokenizers;

/// <summary>Cuts normalised text into the pieces of a SentencePiece model.</summary>
internal abstract class SentencePieceSegmenter
{
    /// <summary>The pieces in order: id and end in bytes; unknown characters one by one.</summary>
    public abstract IReadOnlyList<(int Id, int End)> Segment(ReadOnlySpan<byte> text);
}
