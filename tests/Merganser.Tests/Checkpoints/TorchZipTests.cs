using System.IO.Compression;
using System.Runtime.InteropServices;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Torch;

namespace Merganser.Tests.Checkpoints;

public sealed class TorchZipTests
{
    private static readonly float[] Six = [0, 1, 2, 3, 4, 5];

    [Fact]
    public void Tensors_of_a_state_dictionary_are_ranges_of_the_file()
    {
        using Checkpoint checkpoint = Open(archive => archive.BeginDict()
            .Text("w").Tensor("FloatStorage", "0", Bytes(Six), 4, 0, [2, 3], [3, 1])
            .Text("tail").Tensor("FloatStorage", "0", Bytes(Six), 4, 4, [2], [1])
            .Text("n").Tensor("LongStorage", "1", BitConverter.GetBytes(7L), 8, 0, [], [])
            .Text("h").Tensor("BFloat16Storage", "2", TensorSources.ToBytes(Six, DType.BF16), 2, 0, [6], [1])
            .EndDict());
        Assert.Equal(["h", "n", "tail", "w"], checkpoint.Tensors.Keys.Order());
        Assert.Equal(Six, checkpoint.Tensors["w"].ReadSingles());
        Assert.Equal("[2, 3]", checkpoint.Tensors["w"].Info.ShapeText);
        Assert.Equal([4f, 5f], checkpoint.Tensors["tail"].ReadSingles());
        Assert.Equal([7f], checkpoint.Tensors["n"].ReadSingles());
        Assert.Equal(DType.BF16, checkpoint.Tensors["h"].Info.DType);
        Assert.Equal(Six, checkpoint.Tensors["h"].ReadSingles());
        Assert.All(checkpoint.Tensors.Values, tensor => Assert.NotNull(tensor.Range));
    }

    [Fact]
    public void Attributes_parameters_and_wrapped_dictionaries_are_seen_through()
    {
        using Checkpoint checkpoint = Open(archive => archive.BeginDict(ordered: false)
            .Text("epoch").Number(3)
            .Text("rate").Raw([(byte)'G', .. new byte[8]])
            .Text("state_dict").BeginDict()
            .Text("w").Global("torch._utils", "_rebuild_parameter").Code('(').Tensor("FloatStorage", "0", Bytes(Six), 4, 0, [6], [1]).Raw(0x88).BeginDictOfHooks().Code('t').Code('R')
            .EndDict().Raw((byte)'}').Text("_metadata").BeginDict().EndDict().Code('s').Code('b')
            .EndDict());
        Assert.Equal(Six, Assert.Single(checkpoint.Tensors.Values).ReadSingles());
    }

    [Fact]
    public void Types_without_a_storage_of_their_own_come_through_untyped_ones()
    {
        using Checkpoint checkpoint = Open(archive => archive.BeginDict()
            .Text("f8").Global("torch._utils", "_rebuild_tensor_v3").Code('(').Storage("UntypedStorage", "0", 6, TensorSources.ToBytes(Six, DType.F8E4M3))
            .Number(0).Numbers(6).Numbers(1).Raw(0x89).BeginDictOfHooks().Global("torch", "float8_e4m3fn").Code('t').Code('R')
            .EndDict());
        Assert.Equal(DType.F8E4M3, checkpoint.Tensors["f8"].Info.DType);
        Assert.Equal(Six, checkpoint.Tensors["f8"].ReadSingles());
    }

    [Theory]
    [InlineData("FloatStorage", DType.F32)]
    [InlineData("HalfStorage", DType.F16)]
    [InlineData("ByteStorage", DType.U8)]
    [InlineData("DoubleStorage", DType.F64)]
    public void Transposed_and_repeated_views_read_as_contiguous_from_any_offset(string kind, DType type)
    {
        byte[] bytes = type switch
        {
            DType.U8 => [0, 1, 2, 3, 4, 5],
            _ => TensorSources.ToBytes(Six, type),
        };
        using Checkpoint checkpoint = Open(archive => archive.BeginDict()
            .Text("t").Tensor(kind, "0", bytes, type.Size(), 0, [3, 2], [1, 3])
            .Text("middle").Tensor(kind, "0", bytes, type.Size(), 1, [2, 1, 2], [3, 77, 1])
            .Text("repeat").Tensor(kind, "0", bytes, type.Size(), 5, [2, 2], [0, 0])
            .EndDict());
        TensorSource transposed = checkpoint.Tensors["t"];
        Assert.Equal([0f, 3, 1, 4, 2, 5], transposed.ReadSingles());
        Assert.Equal([1f, 2, 4, 5], checkpoint.Tensors["middle"].ReadSingles());
        Assert.Equal([5f, 5, 5, 5], checkpoint.Tensors["repeat"].ReadSingles());
        byte[] whole = transposed.ReadBytes();
        for (int start = 0; start <= whole.Length; start++)
        {
            for (int length = 0; length <= whole.Length - start; length++)
            {
                byte[] part = new byte[length];
                transposed.Read(start, part);
                Assert.Equal(whole[start..(start + length)], part);
            }
        }
    }

    [Fact]
    public void Protocol_four_with_memo_and_stack_names_is_read()
    {
        byte[] storage = Bytes(Six);
        using Checkpoint checkpoint = Open(archive => archive.Raw(0x95, 0, 0, 0, 0, 0, 0, 0, 0)
            .Code('}').Raw(0x94).Code('(').Raw(0x8c, 1, (byte)'w')
            .Raw([0x8c, 12, .. "torch._utils"u8]).Raw([0x8c, 18, .. "_rebuild_tensor_v2"u8]).Raw(0x93)
            .Code('(').Storage("FloatStorage", "0", 6, storage).Raw(0x94).Number(0).Number(6).Raw(0x85).Number(1).Raw(0x85).Raw(0x89).Code('N').Code('t').Code('R').Raw(0x94)
            .Text("again").Raw((byte)'h', 2)
            .EndDict(), protocol: 4);
        Assert.Equal(Six, checkpoint.Tensors["w"].ReadSingles());
        Assert.Equal(Six, checkpoint.Tensors["again"].ReadSingles());
    }

    [Theory]
    [InlineData("os", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("torch", "load")]
    [InlineData("numpy.core.multiarray", "_reconstruct")]
    [InlineData("torch._utils", "_rebuild_tensor_v2\u0085")]
    public void Any_other_name_is_refused_by_its_name(string module, string name)
    {
        string message = Refused(archive => archive.Global(module, name).Code('(').Text("rm -rf /").Code('t').Code('R'));
        Assert.Contains($"refuses '{module}.{name.TrimEnd('\u0085')}", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData((byte)'i')]
    [InlineData((byte)'o')]
    [InlineData((byte)0x81)]
    [InlineData((byte)0x92)]
    [InlineData((byte)0x82)]
    [InlineData((byte)'P')]
    public void Instructions_that_make_objects_are_refused(byte code) =>
        Assert.Contains($"the pickle instruction 0x{code:X2}", Refused(archive => archive.Raw(code)), StringComparison.Ordinal);

    [Fact]
    public void Bad_tensors_are_refused()
    {
        byte[] bytes = Bytes(Six);
        Assert.Contains("tensor 'w' needs element 6 of the storage '0', which has 6", Refused(One(0, [7], [1])), StringComparison.Ordinal);
        Assert.Contains("which cannot be", Refused(One(0, [-1], [1])), StringComparison.Ordinal);
        Assert.Contains("which cannot be", Refused(One(0, [6], [-1])), StringComparison.Ordinal);
        Assert.Contains("which cannot be", Refused(One(0, [6], [1, 1])), StringComparison.Ordinal);
        Assert.Contains("needs element", Refused(One(-1, [1], [1])), StringComparison.Ordinal);
        Assert.Contains("needs element", Refused(One(0, [2, 2], [long.MaxValue, long.MaxValue])), StringComparison.Ordinal);
        Assert.Contains("repeats the 6 elements", Refused(One(0, [1L << 40], [0])), StringComparison.Ordinal);
        Assert.Contains("too large", Refused(One(0, [1L << 40, 1L << 40], [0, 0])), StringComparison.Ordinal);
        Assert.Contains("storage '../0', which is not in the archive", Refused(archive => archive.BeginDict().Text("w")
            .Global("torch._utils", "_rebuild_tensor_v2").Code('(').Storage("FloatStorage", "../0", 6).Number(0).Numbers(6).Numbers(1).Code('t').Code('R').EndDict()), StringComparison.Ordinal);

        Action<TorchArchive> One(long offset, long[] shape, long[] strides) =>
            archive => archive.BeginDict().Text("w").Tensor("FloatStorage", "0", bytes, 4, offset, shape, strides).EndDict();
    }

    [Fact]
    public void Other_files_are_refused_with_advice()
    {
        Assert.Contains("holds no dictionary of tensors", Refused(archive => archive.Number(1)), StringComparison.Ordinal);
        Assert.Contains("byte order 'big'", Refused(archive => archive.BeginDict().EndDict().ByteOrder = "big"), StringComparison.Ordinal);
        Assert.Contains("'archive/data.pkl' is compressed", Refused(archive => archive.Text(new string('x', 500)).Compression = CompressionLevel.Optimal), StringComparison.Ordinal);

        using var folder = new TempFolder();
        File.WriteAllBytes(folder["pytorch_model.bin"], [0x80, 0x02, 0x8a, 0x0a, 0x6c]);
        Assert.Contains("before 1.6", Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder.Path)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(folder["pytorch_model.bin"], "PK\u0003\u0004 and nothing more"u8.ToArray());
        Assert.Contains("the end of the zip archive is missing", Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_mutated_pickle_is_read_or_refused_but_nothing_else()
    {
        byte[] valid = [.. Sample().Pickle, (byte)'.'];
        var random = new Random(11);
        int read = 0;
        for (int i = 0; i < 10_000; i++)
        {
            try
            {
                _ = Pickle.Load("x.bin", Mutations.OfBytes(random, valid));
                read++;
            }
            catch (MerganserException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }

        Assert.InRange(read, 1, 9_999);
    }

    [Fact]
    public void Any_mutated_archive_is_read_or_refused_but_nothing_else()
    {
        using var folder = new TempFolder();
        string path = folder["pytorch_model.bin"];
        Sample().Save(path);
        byte[] valid = File.ReadAllBytes(path);
        var random = new Random(13);
        for (int i = 0; i < 2_000; i++)
        {
            File.WriteAllBytes(path, Mutations.OfBytes(random, valid));
            try
            {
                using Checkpoint checkpoint = CheckpointReader.Open(path);
                foreach (TensorSource tensor in checkpoint.Tensors.Values)
                    _ = tensor.ReadBytes();
            }
            catch (MerganserException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    [Fact]
    public void Archives_with_a_ZIP64_directory_are_read_and_damaged_ones_refused()
    {
        using var folder = new TempFolder();
        string path = folder["pytorch_model.bin"];
        Sample().Save(path);
        byte[] large = Zip64.Of(File.ReadAllBytes(path));
        File.WriteAllBytes(path, large);
        using (Checkpoint checkpoint = CheckpointReader.Open(path))
        {
            Assert.Equal(Six, checkpoint.Tensors["w"].ReadSingles());
            Assert.Equal([0f, 3, 1, 4, 2, 5], checkpoint.Tensors["t"].ReadSingles());
        }

        // A high byte of the offset in the locator, which stands before the last 22 bytes.
        large[^28] = 0xFF;
        File.WriteAllBytes(path, large);
        Assert.Contains("ZIP64", Assert.Throws<MerganserException>(() => CheckpointReader.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pickle_that_only_makes_values_is_stopped()
    {
        byte[] bomb = [0x80, 2, .. Enumerable.Repeat((byte)'}', 6_000_000)];
        Assert.Contains("more than 5000000 values", Assert.Throws<MerganserException>(() => Pickle.Load("x.bin", bomb)).Message, StringComparison.Ordinal);
    }

    private static TorchArchive Sample() => new TorchArchive().BeginDict()
        .Text("w").Tensor("FloatStorage", "0", Bytes(Six), 4, 0, [2, 3], [3, 1])
        .Text("t").Tensor("HalfStorage", "1", TensorSources.ToBytes(Six, DType.F16), 2, 0, [3, 2], [1, 3])
        .EndDict();

    private static byte[] Bytes(float[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    private static Checkpoint Open(Action<TorchArchive> fill, int protocol = 2)
    {
        using var folder = new TempFolder();
        var archive = new TorchArchive(protocol);
        fill(archive);
        archive.Save(folder["pytorch_model.bin"]);
        Checkpoint checkpoint = CheckpointReader.Open(folder.Path);

        // The open handles outlive the folder.
        return checkpoint;
    }

    private static string Refused(Action<TorchArchive> fill)
    {
        using var folder = new TempFolder();
        var archive = new TorchArchive();
        fill(archive);
        archive.Save(folder["model.pt"]);
        string message = Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder["model.pt"])).Message;
        Assert.StartsWith(folder["model.pt"] + ": ", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
