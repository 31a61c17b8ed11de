namespace Merganser.Tokenizers;

/// <summary>Some documents, one after the other in one buffer that is reused: what a counting thread takes at a time.</summary>
internal sealed class DocumentBlock
{
    /// <summary>Blocks are filled up to about this many bytes; only one long document makes a block longer.</summary>
    public const int Target = 1 << 20;

    private int[] _starts = new int[64];
    private int[] _ends = new int[64];

    /// <summary>The bytes; documents lie in <see cref="Used"/> of them.</summary>
    public byte[] Buffer { get; private set; } = new byte[Target + (Target / 4)];

    public int Used { get; set; }

    public int Count { get; private set; }

    public ReadOnlySpan<byte> this[int document] => Buffer.AsSpan(_starts[document], _ends[document] - _starts[document]);

    public void Clear()
    {
        Used = 0;
        Count = 0;
    }

    /// <summary>Makes the buffer at least this long; what is in it stays.</summary>
    /// <param name="length">The length wanted.</param>
    /// <param name="source">What is being read, for the message.</param>
    public void EnsureLength(long length, string source)
    {
        if (length <= Buffer.Length)
            return;
        if (length > Array.MaxLength)
            throw new MerganserException($"{source}: a document of more than {Array.MaxLength} bytes; cut it into shorter ones");
        byte[] buffer = new byte[(int)Math.Min(Array.MaxLength, Math.Max(length, 2L * Buffer.Length))];
        Buffer.AsSpan(0, Used).CopyTo(buffer);
        Buffer = buffer;
    }

    /// <summary>Declares a part of the buffer a document.</summary>
    public void AddDocument(int start, int end)
    {
        if (Count == _starts.Length)
        {
            Array.Resize(ref _starts, 2 * Count);
            Array.Resize(ref _ends, 2 * Count);
        }

        _starts[Count] = start;
        _ends[Count] = end;
        Count++;
    }

    /// <summary>Appends a document.</summary>
    public void Append(ReadOnlySpan<byte> document, string source)
    {
        EnsureLength((long)Used + document.Length, source);
        document.CopyTo(Buffer.AsSpan(Used));
        AddDocument(Used, Used + document.Length);
        Used += document.Length;
    }
}
