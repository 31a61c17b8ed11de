using System.IO.Compression;
using Merganser.Neural.Training.Data;
using Merganser.Tests;
using SkiaSharp;

namespace Merganser.Neural.Tests.Training;

/// <summary>Readers of images and texts, whole files and broken ones.</summary>
public sealed class DataReaderTests
{
    [Fact]
    public void Ubyte_images_are_read_gzipped_and_plain()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["train-images-idx3-ubyte"], [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40]);
        using (var packed = new GZipStream(File.Create(folder["train-labels-idx1-ubyte.gz"]), CompressionMode.Compress))
            packed.Write([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]);
        ImageSet set = ImageSet.ReadUbyte(folder.Path, "train");
        Assert.Equal((2, 1, 1, 2), (set.Count, set.Channels, set.Height, set.Width));
        Assert.Equal([10, 20, 30, 40], set.Pixels);
        Assert.Equal([7, 9], set.Labels);
        File.WriteAllBytes(folder["train-images-idx3-ubyte"], [0, 0, 8, 3, 127, 0, 0, 2, 127, 0, 0, 1, 127, 0, 0, 2, 10]);
        Assert.Throws<MerganserException>(() => ImageSet.ReadUbyte(folder.Path, "train"));
    }

    [Fact]
    public void Texts_are_read_from_lines_of_all_kinds()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["a.jsonl"], """{"text": "one", "label": 1}""" + "\n\n" + """{"text": "two", "label": "x"}""" + "\n");
        File.WriteAllText(folder["b.tsv"], "pos\tgood\tthing\nneg\tbad\n");
        File.WriteAllText(folder["c.txt"], "all of\nit");
        Assert.Equal(
            [new("one", "1"), new("two", "x"), new("good\tthing", "pos"), new("bad", "neg"), new("all of\nit", null)],
            TextExamples.Read(folder.Path));
    }

    [Theory]
    [InlineData("a.jsonl", "{\"text\": 1}", "a.jsonl:1")]
    [InlineData("a.jsonl", "{", "a.jsonl:1")]
    [InlineData("a.tsv", "no tab", "a.tsv:1")]
    [InlineData("a.doc", "x", "no known kind")]
    public void A_line_that_cannot_be_used_is_named(string name, string content, string part)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder[name], content);
        Assert.Contains(part, Assert.Throws<MerganserException>(() => TextExamples.Read(folder[name])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_of_pictures_give_classes_and_pixels()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder["red"]);
        Directory.CreateDirectory(folder["blue"]);
        WritePicture(Path.Join(folder["red"], "1.png"), SKColors.Red);
        WritePicture(Path.Join(folder["blue"], "1.png"), SKColors.Blue);
        ImageSet set = ImageFolder.Read(folder.Path, 3, 2, 2);
        Assert.Equal(["blue", "red"], set.LabelNames);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255], set.Pixels[..12]);
        byte[] whole = File.ReadAllBytes(Path.Join(folder["red"], "1.png"));
        File.WriteAllBytes(Path.Join(folder["red"], "1.png"), whole[..(whole.Length / 2)]);
        Assert.Contains("1.png", Assert.Throws<MerganserException>(() => ImageFolder.Read(folder.Path, 3, 2, 2)).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Join(folder["red"], "1.png"), "no picture");
        Assert.Contains("is no PNG", Assert.Throws<MerganserException>(() => ImageFolder.Read(folder.Path, 3, 2, 2)).Message, StringComparison.Ordinal);
    }

    private static void WritePicture(string path, SKColor colour)
    {
        using var bitmap = new SKBitmap(8, 6);
        bitmap.Erase(colour);
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(path, data.ToArray());
    }
}
