using Merganser.Checkpoints;

namespace Merganser.Neural.Tests.Models;

/// <summary>A tensor of a file under another name.</summary>
internal sealed class RenamedTensor(TensorSource source, string name) : TensorSource
{
    public override TensorInfo Info { get; } = source.Info with { Name = name };

    public override string Origin => source.Origin;

    public override void Read(long byteOffset, Span<byte> destination) => source.Read(byteOffset, destination);
}
