using System.Text;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tests.Checkpoints;

public sealed class ReaderTests
{
    private const string Index = """{"metadata":{"total_size":12},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}}""";

    [Fact]
    public void A_written_file_gives_back_its_tensors_and_metadata()
    {
        using var folder = new TempFolder();
        (TensorInfo, byte[])[] tensors = [Make("a", DType.U8, 3), Make("empty", DType.F32, 0, 5), Make("s", DType.F64), Make("b", DType.BF16, 2, 3)];
        SafetensorsFile.Write(folder["x.safetensors"], tensors, new Dictionary<string, string> { ["k"] = "ä\n" });
        using Checkpoint checkpoint = CheckpointReader.Open(folder.Path);
        Assert.Equal("ä\n", checkpoint.Metadata["k"]);
        Assert.Equal(4, checkpoint.Tensors.Count);
        foreach ((TensorInfo info, byte[] bytes) in tensors)
        {
            TensorSource source = checkpoint.Tensors[info.Name];
            Assert.Equal(info.ShapeText, source.Info.ShapeText);
            Assert.Equal(bytes, source.ReadBytes());
            Assert.Equal(0, source.Range!.Value.Offset % info.DType.Size());
        }

        Assert.Equal([folder["x.safetensors"]], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Part_of_a_tensor_is_read_and_beyond_it_is_misuse()
    {
        using var folder = new TempFolder();
        SafetensorsFile.Write(folder["x.safetensors"], [Make("a", DType.U8, 10), Make("b", DType.U8, 10)]);
        using Checkpoint checkpoint = CheckpointReader.Open(folder["x.safetensors"]);
        byte[] two = new byte[2];
        checkpoint.Tensors["a"].Read(8, two);
        Assert.Equal(Make("a", DType.U8, 10).Bytes[8..], two);
        Assert.Throws<ArgumentOutOfRangeException>(() => checkpoint.Tensors["a"].Read(9, two));
        Assert.Throws<ArgumentOutOfRangeException>(() => checkpoint.Tensors["a"].Read(-1, two));
    }

    [Fact]
    public void Shards_are_read_through_their_index_and_unnamed_tensors_are_left_out()
    {
        using TempFolder folder = Sharded(Index);
        using Checkpoint checkpoint = CheckpointReader.Open(folder.Path);
        Assert.Equal(["a", "b"], checkpoint.Tensors.Keys.Order());
        Assert.Equal(2, checkpoint.Files.Count);
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"../one.safetensors"}}""", "'../one.safetensors', which is not the plain name")]
    [InlineData("""{"weight_map":{"a":".."}}""", "not the plain name")]
    [InlineData("""{"weight_map":{"a":"x\\one.safetensors"}}""", "not the plain name")]
    [InlineData("""{"weight_map":{"a":"C:one.safetensors"}}""", "not the plain name")]
    [InlineData("""{"weight_map":{"a":""}}""", "not the plain name")]
    [InlineData("""{"weight_map":{"a":1}}""", "is not a string")]
    [InlineData("""{"weight_map":{"a":"gone.safetensors"}}""", "names the shard 'gone.safetensors', which is not in the folder")]
    [InlineData("""{"weight_map":{"a":"one.safetensors","zz":"two.safetensors","zzz":"two.safetensors"}}""", "tensor 'zz' is not in its shard 'two.safetensors'; 2 missing")]
    [InlineData("""{"weight_map":{"a":"one.safetensors","a":"two.safetensors"}}""", "'a' stands twice")]
    [InlineData("""{"weight_map":{},"weight_map":{}}""", "weight_map stands twice")]
    [InlineData("""{"weight_map":[]}""", "not an object")]
    [InlineData("""{"metadata":{}}""", "has no weight_map")]
    [InlineData("""[""", "not a JSON object")]
    [InlineData("""{"weight_map":{"a":""", "is not valid JSON")]
    public void A_bad_index_is_refused(string index, string message)
    {
        using TempFolder folder = Sharded(index);
        MerganserException e = Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder.Path));
        Assert.Contains("model.safetensors.index.json: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_mutated_index_is_read_or_refused_but_nothing_else()
    {
        string[] pieces = ["1", "null", "[]", "{}", "[[[[", "\"..\"", "\"/etc/passwd\"", "\"a\"", "\"\\ud800\"", "\"weight_map\"", ":", ",", "{", "}", "\"two.safetensors\""];
        var random = new Random(3);
        for (int i = 0; i < 10_000; i++)
        {
            try
            {
                Assert.All(ShardIndex.Parse("i.json", Mutations.Of(random, Index, pieces)).Values, name => Assert.Equal(name, Path.GetFileName(name)));
            }
            catch (MerganserException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    [Fact]
    public void Links_are_followed_inside_the_folder_and_refused_outside()
    {
        using var outside = new TempFolder();
        using var folder = new TempFolder();
        SafetensorsFile.Write(outside["secret.safetensors"], [Make("a", DType.U8, 3)]);
        SafetensorsFile.Write(folder["other.bytes"], [Make("a", DType.U8, 3)]);
        File.CreateSymbolicLink(folder["model.safetensors"], "other.bytes");
        CheckpointReader.Open(folder.Path).Dispose();

        File.Delete(folder["model.safetensors"]);
        File.CreateSymbolicLink(folder["model.safetensors"], outside["secret.safetensors"]);
        Assert.Contains("a link that leaves the folder", Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder.Path)).Message, StringComparison.Ordinal);

        File.Delete(folder["model.safetensors"]);
        Directory.CreateSymbolicLink(folder["sub"], outside.Path);
        File.CreateSymbolicLink(folder["model.safetensors"], "sub/secret.safetensors");
        Assert.Contains("a link that leaves the folder", Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder.Path)).Message, StringComparison.Ordinal);

        File.Delete(folder["model.safetensors"]);
        File.CreateSymbolicLink(folder["model.safetensors"], "model.safetensors");
        Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder.Path));
    }

    [Fact]
    public void Snapshots_of_a_hub_cache_may_link_to_the_blobs_of_their_own_repository_only()
    {
        using var cache = new TempFolder();
        string blobs = Directory.CreateDirectory(cache["models--org--name/blobs"]).FullName;
        string others = Directory.CreateDirectory(cache["models--org--other/blobs"]).FullName;
        string snapshot = Directory.CreateDirectory(cache["models--org--name/snapshots/abc"]).FullName;
        SafetensorsFile.Write(Path.Join(blobs, "1234"), [Make("a", DType.U8, 3)]);
        SafetensorsFile.Write(Path.Join(others, "1234"), [Make("a", DType.U8, 3)]);
        string link = Path.Join(snapshot, "model.safetensors");
        File.CreateSymbolicLink(link, "../../blobs/1234");
        CheckpointReader.Open(snapshot).Dispose();

        File.Delete(link);
        File.CreateSymbolicLink(link, "../../../models--org--other/blobs/1234");
        Assert.Throws<MerganserException>(() => CheckpointReader.Open(snapshot));
    }

    [Fact]
    public void What_is_not_there_is_said()
    {
        using var folder = new TempFolder();
        Assert.Contains("no such folder or file", Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder["x"])).Message, StringComparison.Ordinal);
        Assert.Contains("no weights found", Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    internal static (TensorInfo Info, byte[] Bytes) Make(string name, DType type, params long[] shape)
    {
        var info = new TensorInfo(name, type, [.. shape]);
        byte[] bytes = new byte[info.ByteCount];
        new Random(name.Length + bytes.Length).NextBytes(bytes);
        return (info, bytes);
    }

    private static TempFolder Sharded(string index)
    {
        var folder = new TempFolder();
        SafetensorsFile.Write(folder["one.safetensors"], [Make("a", DType.U8, 3), Make("x", DType.U8, 3)]);
        SafetensorsFile.Write(folder["two.safetensors"], [Make("b", DType.U8, 4)]);
        File.WriteAllText(folder["model.safetensors.index.json"], index, new UTF8Encoding(false));
        return folder;
    }
}
