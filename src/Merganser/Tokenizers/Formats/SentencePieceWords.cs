using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Every word with the marker before it is a piece or unknown; text equal to a control piece is unknown, too.</summary>
internal sealed class SentencePieceWords(SentencePieceFile file, int unkId, Vocabulary vocabulary) : SentencePieceSegmenter
{
    public override IReadOnlyList<(int Id, int End)> Segment(ReadOnlySpan<byte> text)
    {
        List<(int Id, int End)> path = [];
        for (int start = 0; start < text.Length;)
        {
            int end = MarkedWordModel.EndOfWord(text, start);
            bool isKnown = vocabulary.TryGetId(text[start..end], out int id) && file.Pieces[id].Kind is not (PieceKind.Control or PieceKind.Byte);
            path.Add((isKnown ? id : unkId, end));
            start = end;
        }

        return path;
    }
}
