using System.IO.Compression;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Merganser.Tokenizers;

/// <summary>A value per code point, in two stages: the number of a block, then the value inside the block.</summary>
internal sealed class TwoStageTable<T>(ushort[] blocks, T[] values, int shift)
    where T : unmanaged
{
    private readonly int _mask = (1 << shift) - 1;

    /// <summary>The value of a code point from 0 to 0x10FFFF.</summary>
    public T this[int codePoint]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => values[(blocks[codePoint >> shift] << shift) + (codePoint & _mask)];
    }
}

/// <summary>
/// Reads the embedded tables of Unicode 16.0; <c>eng/unicode-table.mjs</c> writes them and describes their layout.
/// </summary>
internal static class UnicodeData
{
    public const int Limit = 0x110000;

    /// <summary>The next code point that may differ from this one in any property: the long empty and private stretches count once.</summary>
    public static int Next(int codePoint) => codePoint switch
    {
        < 0x40000 => codePoint + 1,
        0x40000 => 0xDFFFE,
        0xE1000 => 0xEFFFE,
        0xF0000 => 0xFFFFE,
        0x100000 => 0x10FFFE,
        _ => codePoint + 1,
    };

    /// <summary>The sections of the resource in order.</summary>
    public static byte[][] ReadSections()
    {
        using Stream packed = Assembly.GetExecutingAssembly().GetManifestResourceStream("Unicode/16.0")
            ?? throw new InvalidOperationException("the Unicode tables are missing from the assembly");
        using var brotli = new BrotliStream(packed, CompressionMode.Decompress);
        using var memory = new MemoryStream(300_000);
        brotli.CopyTo(memory);
        ReadOnlySpan<byte> file = memory.GetBuffer().AsSpan(0, (int)memory.Length);
        if (!file.StartsWith("MUN1"u8))
            throw new InvalidOperationException("the Unicode tables are of another version");
        var sections = new List<byte[]>();
        for (int at = 4; at < file.Length;)
        {
            int length = MemoryMarshal.Read<int>(file[at..]);
            sections.Add(file.Slice(at + 4, length).ToArray());
            at += 4 + ((length + 3) & ~3);
        }

        return [.. sections];
    }

    public static TwoStageTable<T> ReadTable<T>(ReadOnlySpan<byte> section)
        where T : unmanaged
    {
        uint head = MemoryMarshal.Read<uint>(section);
        int shift = (int)(head & 0xFF);
        bool isWide = head >> 16 != 0;
        int count = MemoryMarshal.Read<int>(section[4..]);
        var blocks = new ushort[count];
        ReadOnlySpan<byte> stage1 = section.Slice(8, isWide ? 2 * count : count);
        for (int i = 0; i < count; i++)
            blocks[i] = isWide ? MemoryMarshal.Read<ushort>(stage1[(2 * i)..]) : stage1[i];
        T[] values = MemoryMarshal.Cast<byte, T>(section[(8 + ((stage1.Length + 3) & ~3))..]).ToArray();
        return new TwoStageTable<T>(blocks, values, shift);
    }

    public static T[] ReadArray<T>(ReadOnlySpan<byte> section)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(section).ToArray();
}
