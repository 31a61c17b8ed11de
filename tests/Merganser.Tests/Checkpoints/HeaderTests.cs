using System.Text;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tests.Checkpoints;

public sealed class HeaderTests
{
    private const string Two = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]}}""";

    [Fact]
    public void A_valid_header_gives_tensors_in_the_order_of_their_bytes()
    {
        SafetensorsHeader header = Parse("""
            {"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},"__metadata__":{"format":"pt","ü":"\u00e4"},
             "a":{"shape":[],"data_offsets":[0,8],"dtype":"F64"},"":{"dtype":"F8_E4M3","shape":[0,7],"data_offsets":[8,8]}}
            """, 20);
        Assert.Equal(["a", "", "b"], header.Entries.Select(entry => entry.Info.Name));
        Assert.Equal("ä", header.Metadata["ü"]);
        Assert.Equal("[2, 3]", header.Entries[2].Info.ShapeText);
        Assert.Equal(8, header.Entries[2].Begin);
    }

    [Fact]
    public void A_header_without_tensors_is_a_file_without_tensors() => Assert.Empty(Parse("{}", 0).Entries);

    [Theory]
    [InlineData("", "not the JSON")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{", "not the JSON")]
    [InlineData("{}x", "not the JSON")]
    [InlineData("{} {}", "not the JSON")]
    [InlineData("""{"a":1}""", "'a' is not an object")]
    [InlineData("""{"a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", "unknown dtype 'F31'")]
    [InlineData("""{"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}""", "dtype that is not a string")]
    [InlineData("""{"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", "shape that is not a list")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "not a whole number")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", "not a whole number")]
    [InlineData("""{"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}}""", "not a whole number")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", "more than 2^63 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}""", "not the JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "lacks data_offsets [begin, end]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}""", "more than 2 entries")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "run backwards")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}""", "F32 [2] needs 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", "ends at offset 12 of the data, which have 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "the tensors end at offset 4 of the data, which have 8 bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "leaves a hole from 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "'b' begins at offset 4 of the data and overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "lacks data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,8]}}""", "lacks shape")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", "lacks dtype")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "gives dtype twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}""", "unknown key 'x'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0061":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}""", "'a' stands twice")]
    [InlineData("""{"__metadata__":{"k":1}}""", "metadata 'k' at offset")]
    [InlineData("""{"__metadata__":[]}""", "'__metadata__' at offset")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"}}""", "metadata 'k' stands twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", "'__metadata__' stands twice")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "not valid text")]
    [InlineData("""{"a\nb":1}""", "'a\\u000Ab' is not an object")]
    public void A_bad_header_is_refused_by_what_is_wrong(string json, string message)
    {
        MerganserException e = Assert.Throws<MerganserException>(() => Parse(json, 8));
        Assert.StartsWith("x.safetensors: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void A_depth_bomb_is_refused()
    {
        string bomb = """{"a":""" + new string('[', 100_000);
        Assert.Throws<MerganserException>(() => Parse(bomb, 0));
        Assert.Throws<MerganserException>(() => Parse("""{"a":{"shape":""" + new string('[', 1_000_000), 0));
    }

    [Fact]
    public void Text_that_is_not_UTF8_is_refused()
    {
        byte[] json = Encoding.Latin1.GetBytes("{\"\u00ff\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}");
        Assert.Contains("UTF-8", Assert.Throws<MerganserException>(() => SafetensorsHeader.Parse("x.safetensors", json, 8)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(7, 0, "too few")]
    [InlineData(8, 1, "the file has 8")]
    [InlineData(8, 100_000_001, "more than the 100000000 allowed")]
    [InlineData(8, -1, "more than the 100000000 allowed")]
    [InlineData(100, 93, "the file has 100")]
    public void A_header_length_that_cannot_be_is_refused_before_anything_is_read(int fileLength, long headerLength, string message)
    {
        using var folder = new TempFolder();
        byte[] bytes = new byte[Math.Max(8, fileLength)];
        BitConverter.TryWriteBytes(bytes, headerLength);
        File.WriteAllBytes(folder["m.safetensors"], bytes[..fileLength]);
        MerganserException e = Assert.Throws<MerganserException>(() => CheckpointReader.Open(folder["m.safetensors"]));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_mutated_header_is_read_or_refused_but_nothing_else()
    {
        var random = new Random(20260101);
        int accepted = 0;
        for (int i = 0; i < 10_000; i++)
        {
            byte[] json = Mutations.Of(random, Two, HeaderPieces);
            try
            {
                SafetensorsHeader header = SafetensorsHeader.Parse("x.safetensors", json, 20);
                Assert.Equal(20, header.Entries.Sum(entry => entry.Info.ByteCount));
                accepted++;
            }
            catch (MerganserException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                Assert.InRange(e.Message.Length, 1, 2000);
            }
        }

        Assert.InRange(accepted, 1, 9_999);
    }

    [Fact]
    public void Any_mutated_file_is_read_or_refused_but_nothing_else()
    {
        using var folder = new TempFolder();
        byte[] valid = [.. BitConverter.GetBytes((long)Two.Length), .. Encoding.UTF8.GetBytes(Two), .. new byte[20]];
        var random = new Random(7);
        for (int i = 0; i < 1_000; i++)
        {
            File.WriteAllBytes(folder["m.safetensors"], Mutations.OfBytes(random, valid));
            try
            {
                using Checkpoint checkpoint = CheckpointReader.Open(folder.Path);
                foreach (TensorSource tensor in checkpoint.Tensors.Values)
                    _ = tensor.ReadBytes();
            }
            catch (MerganserException)
            {
            }
        }
    }

    private static readonly string[] HeaderPieces =
    [
        "0", "8", "20", "-1", "9223372036854775807", "1e9", "2.0", "null", "true", "[]", "{}", "[[[[", "\"F64\"", "\"BOOL\"", "\"\"", "\"a\"",
        "\"shape\"", "\"dtype\"", "\"data_offsets\"", "\"__metadata__\"", "\"\\ud800\"", ":", ",", "}", "]", "{", "[", "\"b\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[8,8]},",
    ];

    private static SafetensorsHeader Parse(string json, long dataLength) => SafetensorsHeader.Parse("x.safetensors", Encoding.UTF8.GetBytes(json), dataLength);
}
