using System.Buffers.Binary;

namespace Merganser.Tests.Tokenizers;

/// <summary>Makes precompiled replacement tables in the double-array layout, simply and not small.</summary>
internal static class CharsMaps
{
    public static byte[] Build(Dictionary<string, string> replacements)
    {
        var strings = new List<byte>();
        var root = new Node();
        foreach ((string key, string value) in replacements)
        {
            Node node = root;
            foreach (byte b in System.Text.Encoding.UTF8.GetBytes(key))
                node = node.Children.TryGetValue(b, out Node? child) ? child : node.Children[b] = new Node();
            node.Value = strings.Count;
            strings.AddRange(System.Text.Encoding.UTF8.GetBytes(value));
            strings.Add(0);
        }

        // Each node's children (and its value, under label 0) live in a block of 256 units of its own.
        var units = new List<uint>(new uint[256]);
        Fill(units, root, 0);
        var table = new byte[4 + (4 * units.Count) + strings.Count];
        BinaryPrimitives.WriteUInt32LittleEndian(table, (uint)(4 * units.Count));
        for (int i = 0; i < units.Count; i++)
            BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(4 + (4 * i)), units[i]);
        strings.CopyTo(table, 4 + (4 * units.Count));
        return table;
    }

    private static void Fill(List<uint> units, Node node, int unit)
    {
        int block = units.Count;
        units.AddRange(new uint[256]);
        for (int i = 0; i < 256; i++)
            units[block + i] = 0x80000000; // no label
        uint offset = (uint)(unit ^ block);
        // Offsets beyond 21 bits are not needed here.
        units[unit] = (units[unit] & 0x800000FF) | (offset << 10) | (node.Value >= 0 ? 0x100u : 0);
        if (node.Value >= 0)
            units[block] = 0x80000000 | (uint)node.Value;
        foreach ((byte label, Node child) in node.Children)
        {
            units[block ^ label] = label;
            Fill(units, child, block ^ label);
        }
    }

    private sealed class Node
    {
        public Dictionary<byte, Node> Children { get; } = [];

        public int Value { get; set; } = -1;
    }
}
