using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Cli.Neural;
using Merganser.Neural.Models.Embeddings;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Tests.Processing;
using Merganser.Tests;
using SkiaSharp;

namespace Merganser.Neural.Tests.Cli;

/// <summary><c>embed</c> on random models, as folders.</summary>
public sealed class EmbedVerbTests
{
    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = Merganser.Cli.Program.Run(args, output, error, NeuralVerbs.All);
        return (code, output.ToString(), error.ToString());
    }

    [Fact]
    public void The_three_kinds_of_files_hold_the_same_vectors()
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, TinyFolders.Bert);
        File.WriteAllText(folder["a.tsv"], "good\tthe film is very fine\nbad\ta poor film\n");
        string[] embed = ["embed", model, folder["a.tsv"], "--text", "a film", "--normalize"];
        (int code, string output, string error) = Run(embed);
        Assert.Equal(0, code);
        Assert.Contains("3 texts in", error, StringComparison.Ordinal);
        JsonNode[] lines = [.. output.TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!)];
        Assert.Equal([null, "good", "bad"], lines.Select(line => line["label"]?.GetValue<string>()));
        float[][] expected = [.. lines.Select(line => line["embedding"]!.AsArray().Select(value => value!.GetValue<float>()).ToArray())];
        Assert.All(expected, row => Assert.Equal(1, row.Sum(value => value * value), 1e-5));
        float[] flat = [.. expected.SelectMany(row => row)];

        foreach (string file in (string[])["x.npy", "x.safetensors", "x.jsonl"])
            Assert.Equal((0, ""), (Run([.. embed, "--out", folder[file], "--batch", "1"]) is var run ? (run.Code, run.Output) : default));
        byte[] npy = File.ReadAllBytes(folder["x.npy"]);
        int header = 10 + BinaryPrimitives.ReadUInt16LittleEndian(npy.AsSpan(8));
        Assert.Equal(0, header % 64);
        Assert.Equal("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 16), }", Encoding.ASCII.GetString(npy.AsSpan(10, header - 10)).TrimEnd());
        Close(flat, npy.AsSpan(header));
        using Checkpoint checkpoint = CheckpointReader.Open(folder["x.safetensors"]);
        TensorSource source = checkpoint.Tensors["embeddings"];
        Assert.Equal([3, 16], source.Info.Shape.ToArray());
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        Close(flat, bytes);
        Assert.Equal(3, File.ReadAllLines(folder["x.jsonl"]).Length);
        Assert.False(File.Exists(folder["x.npy.part"]));
    }

    [Theory]
    [InlineData(TinyFolders.Vit, Pooling.Cls, 16)]
    [InlineData(TinyFolders.VitBase, Pooling.Pooler, 16)]
    [InlineData(TinyFolders.Siglip, Pooling.Pooler, 16)]
    [InlineData(TinyFolders.Clip, Pooling.Pooler, 12)]
    public void Pictures_have_vectors_that_do_not_depend_on_the_batch(string config, Pooling usual, int width)
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, config);
        for (int i = 0; i < 5; i++)
            PictureTests.Write(folder[$"{i}.png"], 9 + i, 7, (x, y) => new SKColor((byte)(50 * i), (byte)(30 * x), (byte)(30 * y)));
        Picture[] pictures = [.. Enumerable.Range(0, 5).Select(i => Picture.Read(folder[$"{i}.png"]))];
        foreach (Pooling? pooling in (Pooling?[])[null, Pooling.Mean])
        {
            using ImageEmbedder embedder = ImageEmbedder.Load(model, new EmbeddingOptions { Pooling = pooling, Batch = 2 });
            Assert.Equal([pooling ?? usual], embedder.Poolings);
            float[][] rows = embedder.Embed(pictures);
            Assert.All(rows, row => Assert.Equal(pooling is null ? width : 16, row.Length));
            Assert.NotEqual(rows[0], rows[1]);
            for (int i = 0; i < pictures.Length; i++)
                Assert.Equal(embedder.Embed([pictures[i]])[0], rows[i], (x, y) => Math.Abs(x - y) < 1e-5);
        }

        Assert.Equal(0, Run("embed", model, folder["0.png"], folder["1.png"], "--out", folder["x.npy"]).Code);
    }

    [Fact]
    public void What_does_not_fit_is_told_in_one_line_and_leaves_no_file()
    {
        using var folder = new TempFolder();
        string bert = TinyFolders.Make(folder, TinyFolders.Bert), vit = TinyFolders.Make(folder, TinyFolders.Vit, "vit"), llama = TinyFolders.Make(folder, TinyFolders.Llama, "llama");
        File.WriteAllText(folder["a.npy"], "");
        File.WriteAllText(folder["x.png"], "no picture");
        (string[] Args, string Expected)[] all =
        [
            ([bert, "--text", "a", "--pooling", "best"], "--pooling is 'best'"), ([bert, "--text", "a", "--dimensions", "0"], "--dimensions"), ([bert, "--text", "a", "--dimensions", "17"], "have 16"),
            ([bert, "--text", "a", "--out", folder["a.npy"]], "--overwrite"), ([bert, "--text", "a", "--out", folder["a.csv"]], ".npy, .safetensors or .jsonl"), ([bert, folder["none.txt"]], "no such file"),
            ([bert, "--text", "a", "--prompt-name", "query"], "no prompt 'query'"), ([llama, "--text", "a", "--pooling", "pooler"], "no pooler"), ([vit, "--text", "a"], "model of images"),
            ([vit, folder["x.png"], "--out", folder["b.npy"]], "no PNG"), ([vit, folder["x.png"], "--pooling", "last"], "mean, cls or pooler"), ([vit, folder["x.png"], "--prompt", "a"], "for texts"), (["owner/none-of-this", "--text", "a"], "owner/none-of-this"),
        ];
        foreach ((string[] args, string expected) in all)
        {
            (int code, string output, string error) = Run(["embed", .. args]);
            Assert.Equal((1, ""), (code, output));
            Assert.Contains(expected, error, StringComparison.Ordinal);
            Assert.Single(error.TrimEnd().Split('\n'));
        }

        Assert.False(File.Exists(folder["b.npy"]));
        Assert.False(File.Exists(folder["b.npy.part"]));
    }

    private static void Close(float[] expected, ReadOnlySpan<byte> bytes)
    {
        Assert.Equal(expected.Length * sizeof(float), bytes.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], BinaryPrimitives.ReadSingleLittleEndian(bytes[(i * sizeof(float))..]), 1e-6f);
    }
}
