using System.IO.Compression;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Training.Data;
using Merganser.Tests;
using SkiaSharp;

namespace Merganser.Neural.Tests.Training;

/// <summary>Readers of images and texts, whole files and broken ones.</summary>
public sealed class DataReaderTests
{
    private static readonly ImageProcessor Small = new() { Channels = 3, Size = (2, 2) };

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

    [Fact]
    public void Tables_with_a_line_of_names_are_read_by_name()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["a.tsv"], "idx\tsentence\tlabel\r\n0\tgood thing\t1\r\n\r\n1\tbad\t0");
        Assert.Equal([new("good thing", "1"), new("bad", "0")], TextExamples.Read(folder["a.tsv"], "sentence"));
        Assert.Null(TextExamples.Read(folder["a.tsv"], "sentence", "none")[0].Label);
        File.AppendAllText(folder["a.tsv"], "\n2\tshort");
        Assert.Contains("a.tsv:5", Assert.Throws<MerganserException>(() => TextExamples.Read(folder["a.tsv"], "sentence")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_of_texts_give_classes()
    {
        using var folder = new TempFolder();
        foreach (string name in (string[])["pos", "neg"])
        {
            Directory.CreateDirectory(folder[name]);
            File.WriteAllText(Path.Join(folder[name], "1.txt"), $"{name}, first");
            File.WriteAllText(Path.Join(folder[name], "2.txt"), $"{name}, second");
        }

        Assert.Equal([new("neg, first", "neg"), new("neg, second", "neg"), new("pos, first", "pos"), new("pos, second", "pos")], TextExamples.Read(folder.Path));
    }

    [Fact]
    public void Lines_of_any_length_end_where_they_should()
    {
        string text = string.Join("\r\n", Enumerable.Range(0, 50).Select(i => new string((char)('a' + (i % 26)), i * 4000))) + "\n";
        var lines = new BoundedLines(new StringReader(text), "x", 1 << 30);
        for (int i = 0; i < 50; i++)
            Assert.Equal(i * 4000, lines.Next()!.Length);
        Assert.Null(lines.Next());
        Assert.Throws<MerganserException>(() => new BoundedLines(new StringReader("abc\ndefg"), "x", 5).Next());
    }

    [Fact]
    public void A_small_file_that_unfolds_to_a_huge_line_is_refused()
    {
        using var folder = new TempFolder();
        using (var packed = new GZipStream(File.Create(folder["bomb.jsonl.gz"]), CompressionLevel.Fastest))
        {
            byte[] block = new byte[1 << 20];
            Array.Fill(block, (byte)' ');
            for (int i = 0; i < 80; i++)
                packed.Write(block);
        }

        Assert.Contains("bomb.jsonl.gz:1", Assert.Throws<MerganserException>(() => TextExamples.Read(folder["bomb.jsonl.gz"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_give_examples_or_one_line()
    {
        using var folder = new TempFolder();
        byte[] json = [.. """{"text": "one", "label": 1}"""u8, (byte)'\n', .. """{"text": "zwölf \u00e9", "label": "x"}"""u8];
        using var memory = new MemoryStream();
        using (var zip = new GZipStream(memory, CompressionLevel.Optimal, leaveOpen: true))
            zip.Write(json);
        using var idx = new MemoryStream();
        using (var zip = new GZipStream(idx, CompressionLevel.Optimal, leaveOpen: true))
            zip.Write([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20, 30, 40]);
        File.WriteAllBytes(folder["train-labels-idx1-ubyte"], [0, 0, 8, 1, 0, 0, 0, 2, 7, 9]);
        var random = new Random(7);
        foreach ((string name, byte[] whole, Action<string> read) in ((string, byte[], Action<string>)[])
        [
            ("a.jsonl", json, path => TextExamples.Read(path)),
            ("a.jsonl.gz", memory.ToArray(), path => TextExamples.Read(path)),
            ("train-images-idx3-ubyte.gz", idx.ToArray(), path => ImageSet.ReadUbyte(Path.GetDirectoryName(path)!, "train")),
        ])
        {
            int refused = 0;
            for (int i = 0; i < 700; i++)
            {
                byte[] bytes = [.. whole];
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                File.WriteAllBytes(folder[name], i % 7 == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
                try
                {
                    read(folder[name]);
                }
                catch (MerganserException e)
                {
                    Assert.DoesNotContain('\n', e.Message);
                    refused++;
                }
            }

            Assert.InRange(refused, 1, 700);
        }
    }

    [Theory]
    [InlineData("a.jsonl", "{\"text\": 1}", "a.jsonl:1")]
    [InlineData("a.jsonl", "{", "a.jsonl:1")]
    [InlineData("a.tsv", "no tab", "a.tsv:1")]
    [InlineData("a.jsonl", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "a.jsonl:1")]
    [InlineData("a.parquet", "PAR1 no footer here PAR1", "PAR1")]
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
        ImageSet set = ImageFolder.Read(folder.Path, Small);
        Assert.Equal(["blue", "red"], set.LabelNames);
        Assert.Equal([0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255], set.Pixels[..12]);
        byte[] whole = File.ReadAllBytes(Path.Join(folder["red"], "1.png"));
        File.WriteAllBytes(Path.Join(folder["red"], "1.png"), whole[..(whole.Length / 2)]);
        Assert.Contains("1.png", Assert.Throws<MerganserException>(() => ImageFolder.Read(folder.Path, Small)).Message, StringComparison.Ordinal);
        File.WriteAllText(Path.Join(folder["red"], "1.png"), "no picture");
        Assert.Contains("is no PNG", Assert.Throws<MerganserException>(() => ImageFolder.Read(folder.Path, Small)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sets_are_brought_to_size_as_single_pictures_are()
    {
        var set = new ImageSet(1, 2, 3, [0, 50, 100, 150, 200, 250, 9, 8, 7, 6, 5, 4], [0, 1], []);
        var processor = new ImageProcessor { Channels = 3, Size = (4, 4) };
        ImageSet fitted = set.Fit(processor);
        Picture single = processor.Fit(new Picture(2, 3, 1, [9, 8, 7, 6, 5, 4]));
        Assert.Equal((2, 3, 4, 4), (fitted.Count, fitted.Channels, fitted.Height, fitted.Width));
        for (int place = 0; place < 16; place++)
            Assert.Equal(single.Pixels[(3 * place) + 1], fitted.Pixels[48 + 16 + place]);
        ImageSet again = fitted.Fit(new ImageProcessor { Channels = 3 });
        Assert.Equal(fitted.Pixels, again.Pixels);
    }

    private static void WritePicture(string path, SKColor colour)
    {
        using var bitmap = new SKBitmap(8, 6);
        bitmap.Erase(colour);
        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(path, data.ToArray());
    }
}
