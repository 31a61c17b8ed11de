using System.Buffers.Binary;
using System.Text;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Torch;

/// <summary>
/// The directory of a zip archive whose entries are stored without compression, as PyTorch writes them, so that each is a range
/// of the file. ZIP64 is understood; compressed or encrypted entries are refused.
/// </summary>
internal static class ZipDirectory
{
    private const int LongestTail = 65_535 + EndRecord + Zip64Locator;
    private const int LargestDirectory = 100_000_000;
    private const int EndRecord = 22, Zip64Locator = 20, Zip64EndRecord = 56, CentralRecord = 46, LocalRecord = 30;
    private const ushort Zip64Extra = 1;

    /// <summary>Reads the directory; entries by name.</summary>
    /// <exception cref="MerganserException">The archive is damaged or uses what is not understood.</exception>
    public static Dictionary<string, ZipEntry> Read(CheckpointFile file)
    {
        (long start, long length, long count) = FindDirectory(file);
        if (start < 0 || length < 0 || start > file.Length - length)
            throw new MerganserException($"{file.Path}: the zip directory at offset {start} with {length} bytes leaves the file; cut off?");
        if (length > LargestDirectory || count < 0 || count > length / CentralRecord)
            throw new MerganserException($"{file.Path}: the zip directory of {count} entries in {length} bytes cannot be");

        byte[] directory = new byte[(int)length];
        file.Read(start, directory);
        var entries = new Dictionary<string, ZipEntry>(StringComparer.Ordinal);
        ReadOnlySpan<byte> rest = directory;
        for (long i = 0; i < count; i++)
        {
            ZipEntry entry = ReadCentral(file, ref rest, start + length - rest.Length, start);
            if (!entries.TryAdd(entry.Name, entry))
                throw new MerganserException($"{file.Path}: the zip entry {Quoted.Name(entry.Name)} stands twice");
        }

        return entries;
    }

    private static (long Start, long Length, long Count) FindDirectory(CheckpointFile file)
    {
        byte[] tail = new byte[Math.Min(file.Length, LongestTail)];
        long tailStart = file.Length - tail.Length;
        file.Read(tailStart, tail);
        for (int at = tail.Length - EndRecord; at >= 0; at--)
        {
            ReadOnlySpan<byte> end = tail.AsSpan(at);
            if (!end.StartsWith("PK\u0005\u0006"u8) || U16(end, 20) != end.Length - EndRecord)
                continue;
            if (U16(end, 4) is not (0 or 0xFFFF))
                throw new MerganserException($"{file.Path}: zip archives of several parts are not understood");
            if (at >= Zip64Locator && tail.AsSpan(at - Zip64Locator).StartsWith("PK\u0006\u0007"u8))
                return ReadZip64(file, (long)U64(tail.AsSpan(at - Zip64Locator), 8));
            return (U32(end, 16), U32(end, 12), U16(end, 10));
        }

        throw new MerganserException($"{file.Path}: the end of the zip archive is missing; cut off?");
    }

    private static (long Start, long Length, long Count) ReadZip64(CheckpointFile file, long offset)
    {
        if (offset < 0 || offset > file.Length - Zip64EndRecord)
            throw new MerganserException($"{file.Path}: the ZIP64 record at offset {offset} leaves the file");
        Span<byte> record = stackalloc byte[Zip64EndRecord];
        file.Read(offset, record);
        return record.StartsWith("PK\u0006\u0006"u8)
            ? ((long)U64(record, 48), (long)U64(record, 40), (long)U64(record, 32))
            : throw new MerganserException($"{file.Path}: there is no ZIP64 record at offset {offset}");
    }

    private static ZipEntry ReadCentral(CheckpointFile file, ref ReadOnlySpan<byte> rest, long position, long directoryStart)
    {
        if (rest.Length < CentralRecord || !rest.StartsWith("PK\u0001\u0002"u8))
            throw new MerganserException($"{file.Path}: the zip directory is damaged at offset {position}");
        int nameLength = U16(rest, 28), extraLength = U16(rest, 30), commentLength = U16(rest, 32);
        int whole = CentralRecord + nameLength + extraLength + commentLength;
        if (rest.Length < whole)
            throw new MerganserException($"{file.Path}: the zip directory is damaged at offset {position}");
        ReadOnlySpan<byte> nameBytes = rest.Slice(CentralRecord, nameLength);
        string name = Encoding.UTF8.GetString(nameBytes);
        int flags = U16(rest, 8), method = U16(rest, 10);
        if (method != 0 || (flags & 1) != 0)
            throw new MerganserException($"{file.Path}: the zip entry {Quoted.Name(name)} is {(method != 0 ? "compressed" : "encrypted")}; PyTorch stores entries plainly: save the model again");

        long packed = U32(rest, 20), length = U32(rest, 24), local = U32(rest, 42);
        ReadZip64Extra(rest.Slice(CentralRecord + nameLength, extraLength), ref length, ref packed, ref local);
        rest = rest[whole..];
        if (packed != length || length < 0 || local < 0)
            throw new MerganserException($"{file.Path}: the zip entry {Quoted.Name(name)} has lengths {packed} and {length} at offset {local}, which cannot be");
        return new ZipEntry(name, FindData(file, name, nameBytes, local, length, directoryStart), length);
    }

    private static long FindData(CheckpointFile file, string name, ReadOnlySpan<byte> nameBytes, long local, long length, long directoryStart)
    {
        if (local > directoryStart - LocalRecord)
            throw new MerganserException($"{file.Path}: the zip entry {Quoted.Name(name)} at offset {local} leaves the archive");
        Span<byte> header = stackalloc byte[LocalRecord];
        file.Read(local, header);
        if (!header.StartsWith("PK\u0003\u0004"u8) || U16(header, 8) != 0 || U16(header, 26) != nameBytes.Length)
            throw new MerganserException($"{file.Path}: the header of the zip entry {Quoted.Name(name)} at offset {local} does not agree with the directory");
        long data = local + LocalRecord + nameBytes.Length + U16(header, 28);
        return data <= directoryStart && length <= directoryStart - data
            ? data
            : throw new MerganserException($"{file.Path}: the zip entry {Quoted.Name(name)} at offset {data} with {length} bytes leaves the archive");
    }

    private static void ReadZip64Extra(ReadOnlySpan<byte> extra, ref long length, ref long packed, ref long local)
    {
        while (extra.Length >= 4)
        {
            int size = U16(extra, 2);
            if (size > extra.Length - 4)
                return;
            if (U16(extra, 0) == Zip64Extra)
            {
                ReadOnlySpan<byte> values = extra.Slice(4, size);
                TakeIfFull(ref length, ref values);
                TakeIfFull(ref packed, ref values);
                TakeIfFull(ref local, ref values);
            }

            extra = extra[(4 + size)..];
        }
    }

    private static void TakeIfFull(ref long value, ref ReadOnlySpan<byte> values)
    {
        if (value != uint.MaxValue || values.Length < 8)
            return;
        value = (long)U64(values, 0);
        values = values[8..];
    }

    private static ushort U16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
}
