using System.Buffers.Binary;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Formats;
using Merganser.Checkpoints.Gguf;

namespace Merganser.Tests.Checkpoints.Gguf;

/// <summary>Files that cannot be read, are damaged or hostile.</summary>
public sealed class GgufDamageTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Types_that_cannot_be_read_are_refused_by_name()
    {
        var metadata = new GgufMetadata();
        GgufLayout layout = GgufLayout.Create(metadata, [("blk.0.w", (GgufType)12, [32])]);
        File.WriteAllBytes(_folder["q4.gguf"], [.. layout.Header, .. new byte[1024]]);
        MerganserException refused = Assert.Throws<MerganserException>(() => CheckpointReader.Open(_folder["q4.gguf"]));
        Assert.Contains("Q4_K", refused.Message);
        Assert.Contains("blk.0.w", refused.Message);
    }

    [Fact]
    public void Overlapping_tensors_and_tensors_beyond_the_end_are_refused()
    {
        GgufLayout layout = GgufLayout.Create(new GgufMetadata(), [("a", GgufType.F32, [64]), ("b", GgufType.F32, [64])]);
        File.WriteAllBytes(_folder["short.gguf"], [.. layout.Header, .. new byte[256 + 255]]);
        Assert.Throws<MerganserException>(() => GgufFile.Open(_folder["short.gguf"]));

        // The offset of b stands in the last eight bytes before the padding.
        byte[] header = [.. layout.Header];
        int place = header.AsSpan().LastIndexOf(BitConverter.GetBytes(256L));
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(place), 128);
        File.WriteAllBytes(_folder["overlap.gguf"], [.. header, .. new byte[512]]);
        Assert.Contains("overlaps", Assert.Throws<MerganserException>(() => GgufFile.Open(_folder["overlap.gguf"])).Message);
    }

    [Fact]
    public void Damaged_files_are_refused_or_read_but_never_crash()
    {
        using (ModelFolder model = ModelFolder.Open(Golden.Folder("weights", "models", "tok-a")))
            GgufExporter.Export(model, _folder["out.gguf"], GgufType.F16);
        byte[] good = File.ReadAllBytes(_folder["out.gguf"]);
        var random = new Random(11);
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] bad = [.. good];
            for (int changes = random.Next(1, 4); changes > 0; changes--)
                bad[random.Next(2400)] = (byte)random.Next(256);
            if (i % 5 == 0)
                bad = bad[..random.Next(bad.Length)];
            File.WriteAllBytes(_folder["bad.gguf"], bad);
            try
            {
                using Checkpoint weights = GgufFile.Open(_folder["bad.gguf"]).Weights;
                foreach (TensorSource tensor in weights.Tensors.Values)
                    tensor.ReadBytes();
            }
            catch (MerganserException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
        }

        Assert.InRange(refused, 500, 3000);
    }

    [Fact]
    public void A_damaged_sentencepiece_model_is_refused_or_read_but_never_crashes()
    {
        byte[] good = File.ReadAllBytes(Golden.Folder("models", "bytelevel-spm-llama", "tokenizer.model"));
        var random = new Random(12);
        int refused = 0;
        for (int i = 0; i < 1000; i++)
        {
            byte[] bad = i % 3 == 0 ? good[..random.Next(good.Length)] : [.. good];
            for (int changes = 3; changes > 0 && bad.Length > 0; changes--)
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(_folder["bad.model"], bad);
            try
            {
                SentencePieceFile.Read(_folder["bad.model"]);
            }
            catch (MerganserException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 200, 1000);
    }

    [Theory]
    [InlineData("q4_0")]
    [InlineData("")]
    [InlineData("float16")]
    public void Unknown_types_are_refused(string name) => Assert.Contains("q8_0", Assert.Throws<MerganserException>(() => GgufTypes.Parse(name)).Message);
}
