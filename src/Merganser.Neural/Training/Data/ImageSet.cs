using System.Buffers.Binary;
using System.IO.Compression;
using Merganser.Neural.Models.Processing;

namespace Merganser.Neural.Training.Data;

/// <summary>Images of one size with their classes.</summary>
/// <param name="Channels">1 or 3.</param>
/// <param name="Height">Pixels per column.</param>
/// <param name="Width">Pixels per row.</param>
/// <param name="Pixels">One byte per value, [N, channels, height, width].</param>
/// <param name="Labels">The class of each image.</param>
/// <param name="LabelNames">The names of the classes; empty where the files have numbers only.</param>
public sealed record ImageSet(int Channels, int Height, int Width, byte[] Pixels, int[] Labels, IReadOnlyList<string> LabelNames)
{
    private const int MaxBytes = 1 << 30;

    /// <summary>The number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>Reads <c>PART-images-idx3-ubyte</c> and <c>PART-labels-idx1-ubyte</c> of a folder, gzipped or not.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="part">The first word of the names: <c>train</c>, <c>test</c>, <c>t10k</c>.</param>
    /// <exception cref="MerganserException">A file is missing or not what its name says.</exception>
    public static ImageSet ReadUbyte(string folder, string part)
    {
        string images = Find(Path.Join(folder, $"{part}-images-idx3-ubyte")), labels = Find(Path.Join(folder, $"{part}-labels-idx1-ubyte"));
        (int[] shape, byte[] pixels) = ReadIdx(images, 3);
        (int[] count, byte[] classes) = ReadIdx(labels, 1);
        if (count[0] != shape[0])
            throw new MerganserException($"{labels}: has {count[0]} labels for the {shape[0]} images of {Path.GetFileName(images)}; take both files from one set");
        return new ImageSet(1, shape[1], shape[2], pixels, [.. classes.Select(label => (int)label)], []);
    }

    /// <summary>Whether a folder holds such files.</summary>
    public static bool HasUbyte(string folder, string part) => File.Exists(Find(Path.Join(folder, $"{part}-images-idx3-ubyte")));

    /// <summary>The same images as a processor makes them, up to their size.</summary>
    /// <exception cref="MerganserException">They do not fit in one set.</exception>
    public ImageSet Fit(ImageProcessor processor)
    {
        ArgumentNullException.ThrowIfNull(processor);
        int plane = Height * Width, size = plane * Channels;
        return ImageFolder.Gather("the set", processor, Count, Image, Labels, LabelNames);

        Picture Image(int number)
        {
            byte[] pixels = Pixels.AsSpan(number * size, size).ToArray();
            if (Channels > 1)
            {
                for (int i = 0; i < pixels.Length; i++)
                    pixels[i] = Pixels[(number * size) + (i % Channels * plane) + (i / Channels)];
            }

            return new Picture(Height, Width, Channels, pixels);
        }
    }

    private static string Find(string path) => File.Exists(path) ? path : path + ".gz";

    /// <summary>The header is 0, 0, 8 (bytes), the number of axes and their big-endian lengths; then the bytes, to the end.</summary>
    private static (int[] Shape, byte[] Data) ReadIdx(string path, int axes)
    {
        try
        {
            using Stream file = File.OpenRead(path);
            using Stream source = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
            Span<byte> header = stackalloc byte[4 + (4 * axes)];
            source.ReadExactly(header);
            if (header[0] != 0 || header[1] != 0 || header[2] != 8 || header[3] != axes)
                throw new MerganserException($"{path}: is not an IDX file of bytes with {axes} axes");
            int[] shape = new int[axes];
            long size = 1;
            for (int axis = 0; axis < axes; axis++)
            {
                shape[axis] = BinaryPrimitives.ReadInt32BigEndian(header[(4 + (4 * axis))..]);
                size = shape[axis] is < 1 or > MaxBytes ? long.MaxValue : size * shape[axis]; // At most 2³⁰ times 2³⁰.
                if (size > MaxBytes)
                    throw new MerganserException($"{path}: the header speaks of {string.Join('×', shape[..(axis + 1)])} bytes; from 1 to {MaxBytes} are read");
            }

            byte[] data = new byte[size];
            source.ReadExactly(data);
            return source.ReadByte() < 0 ? (shape, data) : throw new MerganserException($"{path}: goes on after the {size} bytes that its header announces");
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
