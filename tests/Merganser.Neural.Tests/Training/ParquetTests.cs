using System.Buffers.Binary;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Training.Data;
using Merganser.Tests;

namespace Merganser.Neural.Tests.Training;

/// <summary>Parquet tables of two other writers: plain, with a dictionary, nested, packed; and damaged ones.</summary>
public sealed class ParquetTests
{
    private static string File(string name) => Path.Combine(Golden.Repository, "tests", "data", "parquet", name);

    private static byte[] WithFooter(byte[] footer)
    {
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, footer.Length);
        return [.. "PAR1"u8, .. footer, .. length, .. "PAR1"u8];
    }

    [Fact]
    public void Texts_and_classes_are_read()
    {
        Assert.Equal([new("the good film", "1"), new("a bad book", "0"), new("fine", "1"), new("größer 日本", "0")], TextExamples.Read(File("reviews.parquet")));
        Assert.Equal("5", TextExamples.Read(File("reviews.parquet"), labelField: "id")[0].Label);
        Assert.Null(TextExamples.Read(File("reviews.parquet"), labelField: "none")[0].Label);
    }

    [Fact]
    public void Dictionaries_gaps_and_several_row_groups_are_read()
    {
        IReadOnlyList<TextExample> rows = TextExamples.Read(File("dict.parquet"));
        Assert.Equal([.. Enumerable.Range(0, 3000).Select(i => new TextExample($"row {i % 7} of {i % 5}", i % 11 == 0 ? null : "abc"[i % 3].ToString()))], rows);
    }

    [Theory]
    [InlineData("images-snappy.parquet")]
    [InlineData("images-zstd.parquet")]
    public void Pictures_in_structures_are_read(string name)
    {
        var processor = new ImageProcessor { Channels = 3, Size = (2, 2) };
        ImageSet set = ImageFolder.Read(File(name), processor);
        Assert.Equal((40, 3, 2, 2), (set.Count, set.Channels, set.Height, set.Width));
        Assert.Equal(["0", "1", "2"], set.LabelNames);
        Assert.Equal([0, 1, 2, 0], set.Labels[..4]);
        Assert.Equal(Picture.Read(new MemoryStream((byte[])ParquetTable.Read(File(name), "image/bytes")[0]![7]!), "7").Pixels[0], set.Pixels[7 * 12]);
    }

    [Fact]
    public void What_is_not_there_is_named()
    {
        Assert.Contains("'text'", Assert.Throws<MerganserException>(() => TextExamples.Read(File("reviews.parquet"), "texts")).Message, StringComparison.Ordinal);
        Assert.Contains("row 4", Assert.Throws<MerganserException>(() => TextExamples.Read(File("images-zstd.parquet"))).Message, StringComparison.Ordinal);
        Assert.Contains("'label'", Assert.Throws<MerganserException>(() => ParquetTable.Read(File("dict.parquet"), "lable")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Deep_nesting_is_refused_before_anything_descends()
    {
        using var folder = new TempFolder();
        foreach (byte head in (byte[])[0x1C, 0x19, 0x1B])
        {
            byte[] footer = [0x0C, 0xC8, 0x01, .. Enumerable.Repeat(head, 1_000_000), .. new byte[1_000_002]];
            System.IO.File.WriteAllBytes(folder["deep.parquet"], WithFooter(footer));
            Assert.Contains("nested", Assert.Throws<MerganserException>(() => TextExamples.Read(folder["deep.parquet"])).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_nested_page_header_is_refused_too()
    {
        using var folder = new TempFolder();
        byte[] whole = System.IO.File.ReadAllBytes(File("dict.parquet"));
        // The first page begins behind the magic number.
        Enumerable.Repeat((byte)0x1C, 120).ToArray().CopyTo(whole, 4);
        System.IO.File.WriteAllBytes(folder["page.parquet"], whole);
        Assert.Contains("no whole page at byte 4", Assert.Throws<MerganserException>(() => TextExamples.Read(folder["page.parquet"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("reviews.parquet")]
    [InlineData("images-zstd.parquet")]
    public void Damaged_tables_give_a_table_or_one_line(string name)
    {
        using var folder = new TempFolder();
        byte[] whole = System.IO.File.ReadAllBytes(File(name));
        var random = new Random(5);
        int refused = 0;
        for (int i = 0; i < 1000; i++)
        {
            byte[] bytes = [.. whole];
            for (int change = random.Next(1, 4); change > 0; change--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (i % 10 == 0)
                bytes = bytes[..random.Next(bytes.Length)];
            string path = folder["damaged.parquet"];
            System.IO.File.WriteAllBytes(path, bytes);
            try
            {
                TextExamples.Read(path);
            }
            catch (MerganserException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
        }

        Assert.InRange(refused, 1, 1000);
    }
}
