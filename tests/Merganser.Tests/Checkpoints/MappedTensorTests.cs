using System.Runtime.InteropServices;
using Merganser.Checkpoints;

namespace Merganser.Tests.Checkpoints;

public sealed class MappedTensorTests
{
    [Fact]
    public void A_mapped_tensor_shows_the_bytes_of_the_file_even_after_the_checkpoint_is_closed()
    {
        using var folder = new TempFolder();
        float[] values = [1, 2, 3, 4, 5];
        SafetensorsFile.Write(folder["x.safetensors"],
        [
            (new TensorInfo("half", DType.F16, [3]), TensorSources.ToBytes([1, 2, 3], DType.F16)),
            (new TensorInfo("a", DType.F32, [5]), TensorSources.ToBytes(values)),
            (new TensorInfo("none", DType.F32, [0]), []),
        ]);
        Checkpoint checkpoint = CheckpointReader.Open(folder.Path);
        using MappedTensor mapped = MappedTensor.Map(checkpoint.Tensors["a"]);
        using MappedTensor half = MappedTensor.Map(checkpoint.Tensors["half"]);
        using MappedTensor none = MappedTensor.Map(checkpoint.Tensors["none"]);
        checkpoint.Dispose();
        Assert.Equal(values, mapped.Elements<float>());
        Assert.Equal(MemoryMarshal.AsBytes(values.AsSpan()), mapped.Bytes);
        Assert.Equal((Half)3, half.Elements<Half>()[2]);
        Assert.True(none.Bytes.IsEmpty && none.Elements<float>().IsEmpty);
        Assert.Equal(mapped.Bytes[4..8], mapped.Slice(4, 4));
    }

    [Fact]
    public void Misuse_and_changed_files_are_refused()
    {
        using var folder = new TempFolder();
        SafetensorsFile.Write(folder["x.safetensors"], [(new TensorInfo("a", DType.F32, [5]), new byte[20])]);
        using Checkpoint checkpoint = CheckpointReader.Open(folder.Path);
        MappedTensor mapped = MappedTensor.Map(checkpoint.Tensors["a"]);
        Assert.Throws<ArgumentException>(() => mapped.Elements<double>().Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => mapped.Slice(17, 4).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => mapped.Slice(-1, 1).Length);
        mapped.Dispose();
        Assert.Throws<ObjectDisposedException>(() => mapped.Bytes.Length);

        using (var stream = new FileStream(folder["x.safetensors"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            stream.SetLength(40);
        Assert.Contains("no longer whole", Assert.Throws<MerganserException>(() => MappedTensor.Map(checkpoint.Tensors["a"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Elements_that_the_file_does_not_align_are_refused()
    {
        using var folder = new TempFolder();
        byte[] header = "{\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}"u8.ToArray();
        File.WriteAllBytes(folder["x.safetensors"], [.. BitConverter.GetBytes((long)header.Length), .. header, 1, 2, 3, 4, 5]);
        using Checkpoint checkpoint = CheckpointReader.Open(folder.Path);
        using MappedTensor mapped = MappedTensor.Map(checkpoint.Tensors["a"]);
        Assert.Equal([2, 3, 4, 5], mapped.Bytes.ToArray());
        int offset = (int)checkpoint.Tensors["a"].Range!.Value.Offset;
        Assert.NotEqual(0, offset % 4);
        Assert.Contains("not aligned", Assert.Throws<MerganserException>(() => mapped.Elements<float>().Length).Message, StringComparison.Ordinal);
    }
}
