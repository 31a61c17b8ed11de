using System.Buffers;
using System.Buffers.Binary;

namespace Merganser.Checkpoints.Formats;

/// <summary>
/// A SentencePiece <c>.model</c>: a protocol buffer. Pieces are field 1 {1 piece, 2 score, 3 kind}, the trainer's settings
/// field 2, those of the normalizer field 3; all other fields are kept as they are for writing.
/// </summary>
internal sealed class SentencePieceFile
{
    private const long LargestFile = 256 << 20;
    private const int LongestPiece = 1 << 16;

    public List<SentencePieceEntry> Pieces { get; } = [];

    public SentencePieceKind Kind { get; private set; } = SentencePieceKind.Unigram;

    public bool TreatWhitespaceAsSuffix { get; private set; }

    public bool ByteFallback { get; private set; }

    public byte[] UnknownSurface { get; private set; } = " \u2047 "u8.ToArray();

    public byte[] Charsmap { get; private set; } = [];

    public bool AddDummyPrefix { get; private set; } = true;

    public bool RemoveExtraWhitespaces { get; private set; } = true;

    public bool EscapeWhitespaces { get; private set; } = true;

    public int UnkId { get; private set; }

    public int BosId { get; private set; } = 1;

    public int EosId { get; private set; } = 2;

    public int PadId { get; private set; } = -1;

    /// <summary>Everything but the pieces, field by field, tags included.</summary>
    private byte[] Rest { get; set; } = [];

    public static SentencePieceFile Read(string path) => Parse(BoundedJson.ReadBytes(path, LargestFile), path);

    public static SentencePieceFile Parse(ReadOnlySpan<byte> bytes, string path)
    {
        var file = new SentencePieceFile();
        var rest = new ArrayBufferWriter<byte>();
        var fields = new ProtobufReader(bytes, path);
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 1:
                    file.Pieces.Add(ReadPiece(fields.Content, path));
                    continue;
                case 2:
                    file.ReadTrainer(fields.Content, path);
                    break;
                case 3:
                    file.ReadNormalizer(fields.Content, path);
                    break;
            }

            rest.Write(fields.Raw);
        }

        file.Rest = rest.WrittenSpan.ToArray();
        return file.Pieces.Count > 0 ? file : throw ProtobufReader.Bad(path, "it has no pieces");
    }

    /// <summary>Writes the pieces and whatever else the file held.</summary>
    public void Write(Stream stream)
    {
        var piece = new ArrayBufferWriter<byte>();
        var message = new ArrayBufferWriter<byte>();
        foreach (SentencePieceEntry entry in Pieces)
        {
            piece.ResetWrittenCount();
            if (entry.Raw is { } raw)
            {
                piece.Write(raw);
            }
            else
            {
                ProtobufWriter.Bytes(piece, 1, entry.Piece);
                ProtobufWriter.Single(piece, 2, entry.Score);
                if (entry.Kind != PieceKind.Normal)
                    ProtobufWriter.Varint(piece, 3, (ulong)entry.Kind);
            }

            message.ResetWrittenCount();
            ProtobufWriter.Bytes(message, 1, piece.WrittenSpan);
            stream.Write(message.WrittenSpan);
        }

        stream.Write(Rest);
    }

    /// <summary>A file for pieces that come from elsewhere.</summary>
    public static SentencePieceFile Create(IEnumerable<SentencePieceEntry> pieces, SentencePieceSettings settings)
    {
        var trainer = new ArrayBufferWriter<byte>();
        ProtobufWriter.Varint(trainer, 3, (ulong)settings.Kind);
        ProtobufWriter.Varint(trainer, 35, settings.ByteFallback ? 1ul : 0);
        ProtobufWriter.Varint(trainer, 40, (ulong)(long)settings.UnkId);
        ProtobufWriter.Varint(trainer, 41, (ulong)(long)settings.BosId);
        ProtobufWriter.Varint(trainer, 42, (ulong)(long)settings.EosId);
        ProtobufWriter.Varint(trainer, 43, (ulong)(long)settings.PadId);
        var normalizer = new ArrayBufferWriter<byte>();
        ProtobufWriter.Bytes(normalizer, 2, settings.Charsmap);
        ProtobufWriter.Varint(normalizer, 3, settings.AddDummyPrefix ? 1ul : 0);
        ProtobufWriter.Varint(normalizer, 4, settings.RemoveExtraWhitespaces ? 1ul : 0);
        ProtobufWriter.Varint(normalizer, 5, 1);
        var rest = new ArrayBufferWriter<byte>();
        ProtobufWriter.Bytes(rest, 2, trainer.WrittenSpan);
        ProtobufWriter.Bytes(rest, 3, normalizer.WrittenSpan);
        var file = new SentencePieceFile { Rest = rest.WrittenSpan.ToArray() };
        file.Pieces.AddRange(pieces);
        file.ReadTrainer(trainer.WrittenSpan, "");
        file.ReadNormalizer(normalizer.WrittenSpan, "");
        return file;
    }

    private static SentencePieceEntry ReadPiece(ReadOnlySpan<byte> bytes, string path)
    {
        byte[] piece = [];
        float score = 0;
        ulong kind = 1;
        var fields = new ProtobufReader(bytes, path);
        while (fields.Next())
        {
            if (fields.Number == 1)
                piece = fields.Content.ToArray();
            else if (fields.Number == 2 && fields.Content.Length == 4)
                score = BinaryPrimitives.ReadSingleLittleEndian(fields.Content);
            else if (fields.Number == 3)
                kind = fields.Value;
        }

        if (piece.Length is 0 or > LongestPiece)
            throw ProtobufReader.Bad(path, $"a piece has {piece.Length} bytes (1 to {LongestPiece} are accepted)");
        if (!System.Text.Unicode.Utf8.IsValid(piece))
            throw ProtobufReader.Bad(path, "a piece is no UTF-8");
        if (!float.IsFinite(score))
            throw ProtobufReader.Bad(path, "a score is not a finite number");
        return new SentencePieceEntry(piece, score, kind is >= 1 and <= 6 ? (PieceKind)kind : throw ProtobufReader.Bad(path, $"piece kind {kind}"), bytes.ToArray());
    }

    private void ReadTrainer(ReadOnlySpan<byte> bytes, string path)
    {
        var fields = new ProtobufReader(bytes, path);
        while (fields.Next())
        {
            int value = (int)(long)fields.Value;
            switch (fields.Number)
            {
                case 3:
                    Kind = value is >= 1 and <= 4 ? (SentencePieceKind)value : throw ProtobufReader.Bad(path, $"model type {value} (1 unigram, 2 BPE, 3 word and 4 char are known)");
                    break;
                case 24:
                    TreatWhitespaceAsSuffix = value != 0;
                    break;
                case 35:
                    ByteFallback = value != 0;
                    break;
                case 40:
                    UnkId = value;
                    break;
                case 41:
                    BosId = value;
                    break;
                case 42:
                    EosId = value;
                    break;
                case 43:
                    PadId = value;
                    break;
                case 44:
                    UnknownSurface = fields.Content.ToArray();
                    break;
            }
        }
    }

    private void ReadNormalizer(ReadOnlySpan<byte> bytes, string path)
    {
        var fields = new ProtobufReader(bytes, path);
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 2:
                    Charsmap = fields.Content.ToArray();
                    break;
                case 3:
                    AddDummyPrefix = fields.Value != 0;
                    break;
                case 4:
                    RemoveExtraWhitespaces = fields.Value != 0;
                    break;
                case 5:
                    EscapeWhitespaces = fields.Value != 0;
                    break;
            }
        }
    }
}
