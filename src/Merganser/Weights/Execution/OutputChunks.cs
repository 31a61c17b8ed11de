namespace Merganser.Weights.Execution;

/// <summary>
/// A thread's finished chunks on their way to a sink. Systems let one thread at a time write to a file, and those that wait
/// burn their time in the kernel; so while another thread writes, chunks are kept here and this one goes on with the next.
/// </summary>
internal sealed unsafe class OutputChunks : IDisposable
{
    /// <summary>Chunks that may wait, the one that is being filled included.</summary>
    private const int Most = 4;

    private readonly NativeBuffer[] _buffers = [.. Enumerable.Range(0, Most).Select(_ => new NativeBuffer())];
    private readonly (int Tensor, long Offset, int Length)[] _places = new (int, long, int)[Most];
    private int _first;
    private int _waiting;

    /// <summary>Room for the next chunk; valid until it is handed to <see cref="Write"/>.</summary>
    public byte* Rent(long bytes) => (byte*)_buffers[(_first + _waiting) % Most].Rent(bytes);

    /// <summary>Hands on the chunk that was rented last.</summary>
    public void Write(ITensorSink sink, int tensor, long byteOffset, int length)
    {
        _places[(_first + _waiting) % Most] = (tensor, byteOffset, length);
        _waiting++;
        if (_waiting == Most)
            WriteFirst(sink);
        while (_waiting > 0 && TryWriteFirst(sink))
        {
        }
    }

    /// <summary>Waits until nothing is left.</summary>
    public void Flush(ITensorSink sink)
    {
        while (_waiting > 0)
            WriteFirst(sink);
    }

    /// <summary>Forgets what a failed pass left.</summary>
    public void Clear() => _waiting = 0;

    public void Dispose()
    {
        foreach (NativeBuffer buffer in _buffers)
            buffer.Dispose();
    }

    private void WriteFirst(ITensorSink sink)
    {
        (int tensor, long offset, int length) = _places[_first];
        sink.Write(tensor, offset, new ReadOnlySpan<byte>(_buffers[_first].Rent(length), length));
        Remove();
    }

    private bool TryWriteFirst(ITensorSink sink)
    {
        (int tensor, long offset, int length) = _places[_first];
        if (!sink.TryWrite(tensor, offset, new ReadOnlySpan<byte>(_buffers[_first].Rent(length), length)))
            return false;
        Remove();
        return true;
    }

    private void Remove()
    {
        _first = (_first + 1) % Most;
        _waiting--;
    }
}
