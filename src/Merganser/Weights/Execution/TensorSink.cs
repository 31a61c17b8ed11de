namespace Merganser.Weights.Execution;

/// <summary>Where the bytes of merged tensors go. Called from several threads, for any tensor and offset.</summary>
internal interface ITensorSink
{
    /// <summary>Stores <paramref name="bytes"/> at <paramref name="byteOffset"/> of output tensor <paramref name="tensor"/>.</summary>
    void Write(int tensor, long byteOffset, ReadOnlySpan<byte> bytes);
}
