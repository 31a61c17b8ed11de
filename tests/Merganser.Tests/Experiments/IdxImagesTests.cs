using System.IO.Compression;
using Merganser.Experiments;

namespace Merganser.Tests.Experiments;

public sealed class IdxImagesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("merganser-idx-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Images_and_labels_come_back_as_they_were_written()
    {
        Write("test-images-idx3-ubyte.gz", [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]);
        Write("test-labels-idx1-ubyte.gz", [0, 0, 8, 1, 0, 0, 0, 2, 7, 9]);
        IdxImages images = IdxImages.OpenTestPart(_folder);
        Assert.Equal((2, 1, 3), (images.Count, images.Height, images.Width));
        Assert.Equal([4, 5, 6], images[1].ToArray());
        Assert.Equal([7, 9], images.Labels);
    }

    [Theory]
    [InlineData("is not an IDX file", new byte[] { 0, 0, 9, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 })]
    [InlineData("are not read", new byte[] { 0, 0, 8, 3, 127, 255, 255, 255, 127, 255, 255, 255, 0, 0, 0, 1 })]
    [InlineData("are not read", new byte[] { 0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0, 0, 1 })]
    [InlineData("goes on after", new byte[] { 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5, 5 })]
    [InlineData("cannot be read", new byte[] { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5 })]
    [InlineData("cannot be read", new byte[] { 0, 0 })]
    [InlineData("has 1 labels for the 2 images", new byte[] { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 5, 6 })]
    public void Bad_files_are_refused_by_name(string reason, byte[] images)
    {
        Write("test-images-idx3-ubyte.gz", images);
        Write("test-labels-idx1-ubyte.gz", [0, 0, 8, 1, 0, 0, 0, 1, 7]);
        MerganserException e = Assert.Throws<MerganserException>(() => IdxImages.OpenTestPart(_folder));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.StartsWith(_folder, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_compressed_is_refused()
    {
        File.WriteAllBytes(Path.Combine(_folder, "test-images-idx3-ubyte.gz"), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
        Assert.Throws<MerganserException>(() => IdxImages.OpenTestPart(_folder));
    }

    private void Write(string name, byte[] content)
    {
        using var packed = new GZipStream(File.Create(Path.Combine(_folder, name)), CompressionLevel.Fastest);
        packed.Write(content);
    }
}
