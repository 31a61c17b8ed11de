using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace Merganser.Weights.Execution;

/// <summary>
/// The record of an unfinished run: which units are stored and the hash of their bytes. A record is appended after its
/// bytes were handed to the system, so it survives a killed process; because a power failure may lose the bytes and keep
/// the record, a resumed run compares the hashes before it trusts them.
/// </summary>
internal sealed class RunJournal : IDisposable
{
    public const string FileName = ".merganser-journal";
    private const int RecordBytes = 16;

    private readonly FileStream _stream;
    private readonly Lock _lock = new();

    private RunJournal(FileStream stream, Dictionary<int, ulong> done)
    {
        _stream = stream;
        Done = done;
    }

    /// <summary>Units of an earlier run with the hash of their bytes.</summary>
    public IReadOnlyDictionary<int, ulong> Done { get; }

    /// <summary>True when a journal in the folder belongs to the same work.</summary>
    public static bool Matches(string folder, string fingerprint)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            return false;
        using FileStream stream = File.OpenRead(path);
        byte[] expected = Header(fingerprint);
        byte[] found = new byte[expected.Length];
        return stream.ReadAtLeast(found, found.Length, throwOnEndOfStream: false) == found.Length && found.AsSpan().SequenceEqual(expected);
    }

    /// <summary>Opens the journal of a folder, or begins one. The file stays locked: a second run in the same folder fails here.</summary>
    public static RunJournal Open(string folder, string fingerprint)
    {
        string path = Path.Combine(folder, FileName);
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (IOException e)
        {
            throw new MerganserException($"{folder}: cannot be used for output, another run may be writing there: {e.Message}", e);
        }

        byte[] header = Header(fingerprint);
        var done = new Dictionary<int, ulong>();
        if (stream.Length == 0)
        {
            stream.Write(header);
            return new RunJournal(stream, done);
        }

        stream.Position = header.Length;
        Span<byte> record = stackalloc byte[RecordBytes];
        while (stream.ReadAtLeast(record, RecordBytes, throwOnEndOfStream: false) == RecordBytes && IsWhole(record))
            done[BinaryPrimitives.ReadInt32LittleEndian(record)] = BinaryPrimitives.ReadUInt64LittleEndian(record[4..]);
        // A torn record at the end, if any, is overwritten by the next one.
        stream.SetLength(header.Length + (long)RecordBytes * done.Count);
        stream.Position = stream.Length;
        return new RunJournal(stream, done);
    }

    /// <summary>Records that a unit is stored.</summary>
    public void Add(int unit, ulong hash)
    {
        Span<byte> record = stackalloc byte[RecordBytes];
        BinaryPrimitives.WriteInt32LittleEndian(record, unit);
        BinaryPrimitives.WriteUInt64LittleEndian(record[4..], hash);
        BinaryPrimitives.WriteUInt32LittleEndian(record[12..], Crc32.HashToUInt32(record[..12]));
        lock (_lock)
            _stream.Write(record);
    }

    public void Dispose() => _stream.Dispose();

    private static bool IsWhole(ReadOnlySpan<byte> record) => BinaryPrimitives.ReadUInt32LittleEndian(record[12..]) == Crc32.HashToUInt32(record[..12]);

    private static byte[] Header(string fingerprint) => Encoding.UTF8.GetBytes($"merganser journal 1\n{fingerprint}\n");
}
