using System.Buffers.Binary;
using System.Text;

namespace Merganser.Checkpoints.Gguf;

/// <summary>A piece of a SentencePiece vocabulary; the kinds have the numbers that GGUF uses too.</summary>
internal readonly record struct SentencePiece(string Text, float Score, int Kind);

/// <summary>
/// Reads the vocabulary of a SentencePiece tokenizer.model: a protocol buffer of which only the pieces (field 1: text 1, score 2,
/// kind 3), the trainer's kind of model (field 2.3) and the normalizer's dummy prefix (field 3.3) are looked at.
/// </summary>
internal sealed class SentencePieceModel
{
    private const long LargestFile = 64 << 20;
    private const int Unigram = 1;

    private SentencePieceModel(IReadOnlyList<SentencePiece> pieces, bool addsSpacePrefix, bool isUnigram)
    {
        Pieces = pieces;
        AddsSpacePrefix = addsSpacePrefix;
        IsUnigram = isUnigram;
    }

    public IReadOnlyList<SentencePiece> Pieces { get; }

    public bool AddsSpacePrefix { get; }

    public bool IsUnigram { get; }

    public static SentencePieceModel Read(string path)
    {
        byte[] bytes = BoundedJson.ReadBytes(path, LargestFile);
        List<SentencePiece> pieces = [];
        bool prefix = true;
        long kind = Unigram;
        var fields = new Fields(bytes, path);
        while (fields.Next(out int number, out ReadOnlySpan<byte> content, out _))
        {
            if (number == 1)
                pieces.Add(ReadPiece(content, path));
            else if (number == 2)
                kind = ReadVarint(content, 3, path) ?? kind;
            else if (number == 3)
                prefix = (ReadVarint(content, 3, path) ?? 1) != 0;
        }

        return pieces.Count > 0 ? new SentencePieceModel(pieces, prefix, kind == Unigram) : throw Fields.Bad(path, "it has no pieces");
    }

    private static SentencePiece ReadPiece(ReadOnlySpan<byte> bytes, string path)
    {
        string text = "";
        float score = 0;
        long kind = 1;
        var fields = new Fields(bytes, path);
        while (fields.Next(out int number, out ReadOnlySpan<byte> content, out long value))
        {
            if (number == 1)
                text = Encoding.UTF8.GetString(content);
            else if (number == 2 && content.Length == 4)
                score = BinaryPrimitives.ReadSingleLittleEndian(content);
            else if (number == 3)
                kind = value;
        }

        return new SentencePiece(text, score, kind is >= 1 and <= 6 ? (int)kind : throw Fields.Bad(path, $"piece kind {kind}"));
    }

    private static long? ReadVarint(ReadOnlySpan<byte> bytes, int wanted, string path)
    {
        long? found = null;
        var fields = new Fields(bytes, path);
        while (fields.Next(out int number, out _, out long value))
        {
            if (number == wanted)
                found = value;
        }

        return found;
    }

    /// <summary>The fields of one message.</summary>
    private ref struct Fields(ReadOnlySpan<byte> bytes, string path)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public static MerganserException Bad(string path, string what) => new($"{path}: not a valid SentencePiece model: {what}");

        public bool Next(out int number, out ReadOnlySpan<byte> content, out long value)
        {
            number = 0;
            content = default;
            value = 0;
            if (_rest.IsEmpty)
                return false;
            ulong tag = Varint();
            number = (int)Math.Min(tag >> 3, int.MaxValue);
            switch (tag & 7)
            {
                case 0:
                    value = (long)Varint();
                    return true;
                case 1:
                    content = Take(8);
                    return true;
                case 2:
                    content = Take(Varint());
                    return true;
                case 5:
                    content = Take(4);
                    return true;
                default:
                    throw Bad(path, $"wire type {tag & 7}");
            }
        }

        private ReadOnlySpan<byte> Take(ulong count)
        {
            if (count > (ulong)_rest.Length)
                throw Bad(path, "a field is longer than the file");
            ReadOnlySpan<byte> taken = _rest[..(int)count];
            _rest = _rest[(int)count..];
            return taken;
        }

        private ulong Varint()
        {
            ulong result = 0;
            for (int shift = 0; shift < 64; shift += 7)
            {
                byte next = Take(1)[0];
                result |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80)
                    return result;
            }

            throw Bad(path, "a number is too long");
        }
    }
}
