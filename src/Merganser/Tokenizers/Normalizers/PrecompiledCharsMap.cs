using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Tokenizers;

/// <summary>
/// The replacement table that SentencePiece compiles: the byte length of a double array of 32-bit units (little endian), the
/// units, then the replacements, each ended by a zero byte. Unit: has-leaf is bit 8; the value of a leaf the low 31 bits; the
/// label <c>unit &amp; 0x800000FF</c>; the offset <c>(unit &gt;&gt; 10) &lt;&lt; ((unit &amp; 0x200) &gt;&gt; 6)</c>.
/// </summary>
internal sealed class PrecompiledCharsMap
{
    private readonly uint[] _units = [];
    private readonly byte[] _replacements = [];

    /// <summary>Reads a table and walks all of it, so that no text can lead out of it.</summary>
    /// <exception cref="MerganserException">The table is damaged.</exception>
    public PrecompiledCharsMap(ReadOnlySpan<byte> charsmap)
    {
        if (charsmap.IsEmpty)
            return;
        if (charsmap.Length < 4)
            throw Damaged("it is shorter than its header");
        uint size = MemoryMarshal.Read<uint>(charsmap);
        if (size > charsmap.Length - 4 || size % 4 != 0)
            throw Damaged($"its trie of {size} bytes does not fit into {charsmap.Length - 4} bytes");
        _units = MemoryMarshal.Cast<byte, uint>(charsmap.Slice(4, (int)size)).ToArray();
        _replacements = charsmap[(4 + (int)size)..].ToArray();
        if (!System.Text.Unicode.Utf8.IsValid(_replacements))
            throw Damaged("its replacements are no UTF-8");
        Check();
    }

    /// <summary>Whether there are no replacements.</summary>
    public bool IsEmpty => _units.Length == 0;

    /// <summary>The replacement of the shortest entry that a text begins with.</summary>
    public bool TryGetFirst(ReadOnlySpan<byte> text, out ReadOnlySpan<byte> replacement) => Walk(text, longest: false, out _, out replacement);

    /// <summary>The replacement of the longest entry that a text begins with, and the length of that entry.</summary>
    public bool TryGetLongest(ReadOnlySpan<byte> text, out int length, out ReadOnlySpan<byte> replacement) =>
        Walk(text, longest: true, out length, out replacement);

    private bool Walk(ReadOnlySpan<byte> text, bool longest, out int length, out ReadOnlySpan<byte> replacement)
    {
        length = 0;
        replacement = [];
        uint[] units = _units;
        if (units.Length == 0)
            return false;
        uint value = uint.MaxValue;
        uint node = Offset(units[0]);
        for (int i = 0; i < text.Length; i++)
        {
            uint c = text[i];
            if (c == 0)
                break;
            uint next = node ^ c;
            if (next >= (uint)units.Length || Label(units[next]) != c)
                break;
            node = next ^ Offset(units[next]);
            if (!HasLeaf(units[next]))
                continue;
            value = Value(units[node]);
            length = i + 1;
            if (!longest)
                break;
        }

        if (value == uint.MaxValue)
            return false;
        ReadOnlySpan<byte> rest = _replacements.AsSpan((int)value);
        int end = rest.IndexOf((byte)0);
        replacement = end < 0 ? rest : rest[..end];
        return true;
    }

    /// <summary>Follows every path once: all leaves must point to a replacement, and no path may come back to itself.</summary>
    private void Check()
    {
        const byte OnPath = 1;
        const byte Done = 2;
        if (_units.Length == 0)
            return;
        var states = new byte[_units.Length];
        var path = new Stack<(int Unit, bool Leaves)>();
        path.Push((0, false));
        Span<int> children = stackalloc int[256];
        while (path.TryPop(out (int Unit, bool Leaves) top))
        {
            if (top.Leaves)
            {
                states[top.Unit] = Done;
                continue;
            }

            if (states[top.Unit] == Done)
                continue;
            states[top.Unit] = OnPath;
            path.Push((top.Unit, true));
            int count = FindChildren((uint)top.Unit ^ Offset(_units[top.Unit]), children);
            foreach (int child in children[..count])
            {
                if (states[child] == OnPath)
                    throw Damaged($"its trie runs in a circle at unit {child}");
                CheckLeaf((uint)child);
                if (states[child] == 0)
                    path.Push((child, false));
            }
        }
    }

    /// <summary>The units whose label is the way to them: all lie in one aligned block of 256.</summary>
    private int FindChildren(uint node, Span<int> children)
    {
        int count = 0;
        uint start = node & ~0xFFu;
        uint end = (uint)Math.Min(start + 256UL, (ulong)_units.Length);
        uint at = start;
        if (Vector256.IsHardwareAccelerated)
        {
            Vector256<uint> steps = Vector256.Create(0u, 1, 2, 3, 4, 5, 6, 7);
            for (; at + 8 <= end; at += 8)
            {
                Vector256<uint> labels = Vector256.LoadUnsafe(ref _units[at]) & Vector256.Create(0x800000FFu);
                Vector256<uint> ways = (steps + Vector256.Create(at)) ^ Vector256.Create(node);
                for (uint hits = Vector256.Equals(labels, ways).ExtractMostSignificantBits(); hits != 0; hits &= hits - 1)
                    Add(at + (uint)BitOperations.TrailingZeroCount(hits), children);
            }
        }

        for (; at < end; at++)
        {
            if (Label(_units[at]) == (at ^ node))
                Add(at, children);
        }

        return count;

        // The way zero leads to the value, not to a child.
        void Add(uint unit, Span<int> target)
        {
            if (unit != node)
                target[count++] = (int)unit;
        }
    }

    private void CheckLeaf(uint unit)
    {
        if (!HasLeaf(_units[unit]))
            return;
        uint leaf = unit ^ Offset(_units[unit]);
        if (leaf >= (uint)_units.Length)
            throw Damaged($"unit {unit} of its trie points to unit {leaf} of {_units.Length}");
        uint value = Value(_units[leaf]);
        if (value >= (uint)_replacements.Length || (_replacements[value] & 0xC0) == 0x80)
            throw Damaged($"unit {unit} of its trie points to byte {value} of {_replacements.Length} bytes of replacements");
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private static uint Label(uint unit) => unit & 0x800000FF;

    private static uint Value(uint unit) => unit & 0x7FFFFFFF;

    private static bool HasLeaf(uint unit) => (unit & 0x100) != 0;

    private static MerganserException Damaged(string what) =>
        new($"the precompiled_charsmap is damaged: {what}; take it again from the original tokenizer");
}
