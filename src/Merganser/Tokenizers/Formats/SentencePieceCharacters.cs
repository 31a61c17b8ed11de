using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>Every character is a piece or unknown, but for the user-defined pieces, which are matched first.</summary>
internal sealed class SentencePieceCharacters(SentencePieceFile file, int unkId, Vocabulary vocabulary, DoubleArrayTrie? userDefined) : SentencePieceSegmenter
{
    public override IReadOnlyList<(int Id, int End)> Segment(ReadOnlySpan<byte> text)
    {
        List<(int Id, int End)> path = [];
        for (int start = 0; start < text.Length;)
        {
            int length = userDefined?.LongestMatch(text[start..], out _) ?? 0;
            if (length == 0)
                length = Utf8.LengthAt(text, start, text.Length);
            bool isKnown = vocabulary.TryGetId(text.Slice(start, length), out int id) && file.Pieces[id].Kind is not (PieceKind.Control or PieceKind.Byte);
            start += length;
            path.Add((isKnown ? id : unkId, start));
        }

        return path;
    }
}
