using SkiaSharp;

namespace Merganser.Neural.Training.Data;

/// <summary>Folders of pictures: one folder per class, its name the class's.</summary>
public static class ImageFolder
{
    private const int MaxSide = 16_384;
    private static readonly string[] Endings = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"];

    /// <summary>Reads all pictures below the folders of a folder, in the order of their names, squeezed to one size.</summary>
    /// <exception cref="MerganserException">There are no classes or no pictures, or a file is no whole picture.</exception>
    public static ImageSet Read(string folder, int channels, int height, int width)
    {
        if (channels is not (1 or 3))
            throw new ArgumentOutOfRangeException(nameof(channels), channels, "1 or 3");
        string[] classes = Classes(folder);
        (string Path, int Label)[] files =
        [
            .. classes.SelectMany((name, label) => Directory.EnumerateFiles(Path.Join(folder, name))
                .Where(path => Endings.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal).Select(path => (path, label))),
        ];
        if (files.Length == 0)
            throw new MerganserException($"{folder}: holds no pictures; needed are folders named after the classes with {string.Join(", ", Endings)} files");
        int size = checked(channels * height * width);
        if ((long)size * files.Length > Array.MaxLength)
            throw new MerganserException($"{folder}: {files.Length} pictures of {channels}×{height}×{width} do not fit in one set");
        byte[] pixels = new byte[size * files.Length];
        for (int i = 0; i < files.Length; i++)
            Decode(files[i].Path, channels, height, width, pixels.AsSpan(i * size, size));
        return new ImageSet(channels, height, width, pixels, [.. files.Select(file => file.Label)], classes);
    }

    /// <summary>The names of the folders of a folder, in order.</summary>
    /// <exception cref="MerganserException">There is no such folder.</exception>
    internal static string[] Classes(string folder) => Directory.Exists(folder)
        ? [.. Directory.GetDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)]
        : throw new MerganserException($"{folder}: there is no such folder");

    private static void Decode(string path, int channels, int height, int width, Span<byte> planes)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message}", e);
        }

        if (!IsPicture(bytes))
            throw new MerganserException($"{path}: is no PNG, JPEG, WebP, BMP or GIF picture");
        using SKData data = SKData.CreateCopy(bytes);
        using SKCodec codec = SKCodec.Create(data) ?? throw new MerganserException($"{path}: the picture cannot be decoded");
        var info = new SKImageInfo(codec.Info.Width, codec.Info.Height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        if (info.Width is < 1 or > MaxSide || info.Height is < 1 or > MaxSide)
            throw new MerganserException($"{path}: is {info.Width}×{info.Height} pixels; from 1 to {MaxSide} a side are read");
        using var bitmap = new SKBitmap(info);
        SKCodecResult result = codec.GetPixels(info, bitmap.GetPixels());
        if (result != SKCodecResult.Success)
            throw new MerganserException($"{path}: the picture is damaged or cut off ({result})");
        ReadOnlySpan<byte> colours = bitmap.GetPixelSpan();
        double[] plane = new double[info.Width * info.Height];
        for (int channel = 0; channel < channels; channel++)
        {
            for (int i = 0; i < plane.Length; i++)
            {
                ReadOnlySpan<byte> pixel = colours.Slice(4 * i, 4);
                plane[i] = channels == 3 ? pixel[channel] : Math.Floor(((pixel[0] * 19595) + (pixel[1] * 38470) + (pixel[2] * 7471) + 0x8000) / 65536.0); // The weights of ITU-R 601.
            }

            Resampling.Bilinear(plane, info.Height, info.Width, height, width, planes.Slice(channel * height * width, height * width));
        }
    }

    private static bool IsPicture(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
        || bytes.StartsWith("GIF8"u8) || bytes.StartsWith("BM"u8) || (bytes.Length > 12 && bytes.StartsWith("RIFF"u8) && bytes[8..].StartsWith("WEBP"u8));
}
