using SkiaSharp;

namespace Merganser.Neural.Models.Processing;

/// <summary>
/// A picture in memory: bytes, row by row, the channels of a pixel side by side. PNG, JPEG, WebP, BMP and GIF (the first frame) are read;
/// the turn that a camera noted is undone, and transparency is dropped: the colour under it counts, as with Pillow's <c>convert("RGB")</c>.
/// </summary>
public sealed class Picture
{
    private const int MaxSide = 32_768;
    private const int MaxPixels = 1 << 27;
    private const long MaxBytes = 1L << 30;

    /// <summary>Wraps pixels.</summary>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="channels">1 (grey) or 3 (red, green, blue).</param>
    /// <param name="pixels">[height, width, channels].</param>
    public Picture(int height, int width, int channels, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "1 or 3");
        ArgumentNullException.ThrowIfNull(pixels);
        if (pixels.Length != checked(height * width * channels))
            throw new ArgumentException($"{pixels.Length} bytes are no {height}×{width}×{channels}", nameof(pixels));
        (Height, Width, Channels, Pixels) = (height, width, channels, pixels);
    }

    /// <summary>The endings of the files that are read.</summary>
    public static IReadOnlyList<string> Endings { get; } = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"];

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>1 or 3.</summary>
    public int Channels { get; }

    /// <summary>[height, width, channels].</summary>
    public byte[] Pixels { get; }

    /// <summary>Reads a file, as colours.</summary>
    /// <exception cref="MerganserException">The file cannot be read, or is no whole picture of a kind that is read.</exception>
    public static Picture Read(string path)
    {
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxBytes })
                throw new MerganserException($"{path}: is larger than 1 GiB");
            return Decode(File.ReadAllBytes(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>Reads a picture from a stream, to its end, as colours.</summary>
    /// <exception cref="MerganserException">The stream cannot be read, or holds no whole picture of a kind that is read.</exception>
    public static Picture Read(Stream stream, string name)
    {
        ArgumentNullException.ThrowIfNull(stream);
        try
        {
            using var bytes = new MemoryStream();
            byte[] part = new byte[1 << 16];
            for (int count; (count = stream.Read(part)) > 0; bytes.Write(part, 0, count))
            {
                if (bytes.Length > MaxBytes)
                    throw new MerganserException($"{name}: is larger than 1 GiB");
            }

            return Decode(bytes.GetBuffer().AsSpan(0, (int)bytes.Length), name);
        }
        catch (IOException e)
        {
            throw new MerganserException($"{name}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>Decodes a file in memory, as colours.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="MerganserException">It is no whole picture of a kind that is read.</exception>
    public static Picture Decode(ReadOnlySpan<byte> bytes, string name)
    {
        if (!IsKnown(bytes))
            throw new MerganserException($"{name}: is no PNG, JPEG, WebP, BMP or GIF picture");
        using SKData data = SKData.CreateCopy(bytes);
        using SKCodec codec = SKCodec.Create(data) ?? throw new MerganserException($"{name}: the picture cannot be decoded");
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        if (info.Width is < 1 or > MaxSide || info.Height is < 1 or > MaxSide || (long)info.Width * info.Height > MaxPixels)
            throw new MerganserException($"{name}: is {info.Width}×{info.Height} pixels; from 1 to {MaxSide} a side and {MaxPixels:N0} in all are read");
        using var bitmap = new SKBitmap(info);
        SKCodecResult result = codec.GetPixels(info, bitmap.GetPixels());
        return result == SKCodecResult.Success
            ? Upright(bitmap.GetPixelSpan(), info.Height, info.Width, (int)codec.EncodedOrigin - 1)
            : throw new MerganserException($"{name}: the picture is damaged or cut off ({result})");
    }

    /// <summary>The picture with 1 channel (the weights of ITU-R 601, as Pillow rounds them) or 3 (the grey repeated).</summary>
    public Picture To(int channels)
    {
        if (channels == Channels)
            return this;
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "1 or 3");
        byte[] result = new byte[checked(Height * Width * channels)];
        for (int i = 0; i < Height * Width; i++)
        {
            if (channels == 1)
                result[i] = (byte)(((Pixels[3 * i] * 19595) + (Pixels[(3 * i) + 1] * 38470) + (Pixels[(3 * i) + 2] * 7471) + 0x8000) >> 16);
            else
                result.AsSpan(3 * i, 3).Fill(Pixels[i]);
        }

        return new Picture(Height, Width, channels, result);
    }

    /// <summary>Drops alpha. The origin has three bits, 0 for upright: which side of the picture the file's first row and column are.</summary>
    private static Picture Upright(ReadOnlySpan<byte> colours, int height, int width, int origin)
    {
        bool swaps = origin >= 4, fromRight = origin is 1 or 2 or 5 or 6, fromBelow = origin is 2 or 3 or 6 or 7;
        (int newHeight, int newWidth) = swaps ? (width, height) : (height, width);
        byte[] result = new byte[height * width * 3];
        int to = 0;
        for (int y = 0; y < newHeight; y++)
        {
            int row = fromBelow ? newHeight - 1 - y : y;
            for (int x = 0; x < newWidth; x++, to += 3)
            {
                int column = fromRight ? newWidth - 1 - x : x;
                colours.Slice(4 * (swaps ? (column * width) + row : (row * width) + column), 3).CopyTo(result.AsSpan(to));
            }
        }

        return new Picture(newHeight, newWidth, 3, result);
    }

    private static bool IsKnown(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
        || bytes.StartsWith("GIF8"u8) || bytes.StartsWith("BM"u8) || (bytes.Length > 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8));
}
