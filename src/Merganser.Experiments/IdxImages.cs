using System.Buffers.Binary;
using System.IO.Compression;

namespace Merganser.Experiments;

/// <summary>Grey-scale images with their labels, from a pair of gzipped IDX files (the format of MNIST).</summary>
/// <param name="Name">The name of the task: the folder's.</param>
/// <param name="Height">Pixels per column.</param>
/// <param name="Width">Pixels per row.</param>
/// <param name="Pixels">One byte per pixel, image after image, row-major.</param>
/// <param name="Labels">The class of each image.</param>
public sealed record IdxImages(string Name, int Height, int Width, byte[] Pixels, byte[] Labels)
{
    private const int MaxBytes = 256 << 20;

    /// <summary>The number of images.</summary>
    public int Count => Labels.Length;

    /// <summary>One image.</summary>
    public ReadOnlySpan<byte> this[int image] => Pixels.AsSpan(image * Height * Width, Height * Width);

    /// <summary>Reads <c>test-images-idx3-ubyte.gz</c> and <c>test-labels-idx1-ubyte.gz</c> of a folder.</summary>
    /// <exception cref="MerganserException">A file is missing or not what its name says.</exception>
    public static IdxImages OpenTestPart(string folder)
    {
        string imagePath = Path.Combine(folder, "test-images-idx3-ubyte.gz"), labelPath = Path.Combine(folder, "test-labels-idx1-ubyte.gz");
        (int[] shape, byte[] pixels) = Read(imagePath, 3);
        (int[] labelShape, byte[] labels) = Read(labelPath, 1);
        if (labelShape[0] != shape[0])
            throw new MerganserException($"{labelPath}: has {labelShape[0]} labels for the {shape[0]} images of {Path.GetFileName(imagePath)}; take both files from one set");
        return new IdxImages(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), shape[1], shape[2], pixels, labels);
    }

    /// <summary>The header is 0, 0, 8 (unsigned bytes), the number of axes and their big-endian lengths; then the bytes, to the end.</summary>
    private static (int[] Shape, byte[] Data) Read(string path, int axes)
    {
        try
        {
            using var unpacked = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
            Span<byte> header = stackalloc byte[4 + 4 * axes];
            unpacked.ReadExactly(header);
            if (header[0] != 0 || header[1] != 0 || header[2] != 8 || header[3] != axes)
                throw new MerganserException($"{path}: is not an IDX file of bytes with {axes} {(axes == 1 ? "axis" : "axes")}");
            int[] shape = new int[axes];
            long size = 1;
            for (int axis = 0; axis < axes; axis++)
            {
                shape[axis] = BinaryPrimitives.ReadInt32BigEndian(header[(4 + 4 * axis)..]);
                size = shape[axis] is < 0 or > MaxBytes ? long.MaxValue : size * shape[axis];
                if (size > MaxBytes)
                    throw new MerganserException($"{path}: the header speaks of {string.Join('×', shape[..(axis + 1)])}… bytes; more than {MaxBytes} are not read");
            }

            byte[] data = new byte[size];
            unpacked.ReadExactly(data);
            if (unpacked.ReadByte() >= 0)
                throw new MerganserException($"{path}: goes on after the {size} bytes that its header announces");
            return (shape, data);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message}", e);
        }
    }
}
