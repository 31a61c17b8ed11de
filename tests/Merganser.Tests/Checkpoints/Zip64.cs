using System.Buffers.Binary;

namespace Merganser.Tests.Checkpoints;

/// <summary>Rewrites the directory of a small archive as an archive beyond 4 GiB has it.</summary>
internal static class Zip64
{
    public static byte[] Of(byte[] archive)
    {
        ReadOnlySpan<byte> end = archive.AsSpan(archive.Length - 22);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(end[10..]);
        int start = (int)BinaryPrimitives.ReadUInt32LittleEndian(end[16..]);
        var result = new List<byte>(archive[..start]);
        int at = start;
        for (int i = 0; i < count; i++)
        {
            Span<byte> record = archive.AsSpan(at);
            int name = BinaryPrimitives.ReadUInt16LittleEndian(record[28..]);
            int extra = BinaryPrimitives.ReadUInt16LittleEndian(record[30..]);
            at += 46 + name + extra;

            byte[] field = new byte[28];
            field[0] = 1;
            field[2] = 24;
            BinaryPrimitives.WriteUInt64LittleEndian(field.AsSpan(4), BinaryPrimitives.ReadUInt32LittleEndian(record[24..]));
            BinaryPrimitives.WriteUInt64LittleEndian(field.AsSpan(12), BinaryPrimitives.ReadUInt32LittleEndian(record[20..]));
            BinaryPrimitives.WriteUInt64LittleEndian(field.AsSpan(20), BinaryPrimitives.ReadUInt32LittleEndian(record[42..]));
            record.Slice(20, 8).Fill(0xFF);
            record.Slice(42, 4).Fill(0xFF);
            BinaryPrimitives.WriteUInt16LittleEndian(record[30..], (ushort)field.Length);
            result.AddRange(record[..(46 + name)]);
            result.AddRange(field);
        }

        int length = result.Count - start;
        byte[] record64 = [0x50, 0x4B, 6, 6, 44, .. new byte[51]];
        BinaryPrimitives.WriteInt64LittleEndian(record64.AsSpan(24), count);
        BinaryPrimitives.WriteInt64LittleEndian(record64.AsSpan(32), count);
        BinaryPrimitives.WriteInt64LittleEndian(record64.AsSpan(40), length);
        BinaryPrimitives.WriteInt64LittleEndian(record64.AsSpan(48), start);
        byte[] locator = [0x50, 0x4B, 6, 7, .. new byte[16]];
        BinaryPrimitives.WriteInt64LittleEndian(locator.AsSpan(8), start + length);
        locator[16] = 1;
        result.AddRange(record64);
        result.AddRange(locator);
        result.AddRange([0x50, 0x4B, 5, 6, 0, 0, 0, 0, .. Enumerable.Repeat((byte)0xFF, 12), 0, 0]);
        return [.. result];
    }
}
