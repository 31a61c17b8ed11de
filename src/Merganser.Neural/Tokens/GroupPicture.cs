using Merganser.Neural.Models.Processing;
using SkiaSharp;

namespace Merganser.Neural.Tokens;

/// <summary>
/// An image with the groups that its patches are in after a block: every group in the mean colour of its pixels, lines between groups,
/// dropped patches hatched.
/// </summary>
public sealed class GroupPicture
{
    private const int WantedSide = 448, Hatch = 6;
    private readonly Picture _image;
    private readonly (int Rows, int Columns) _grid;
    private readonly int _scale;

    /// <summary>An image as the model sees it.</summary>
    /// <param name="image">As the model's processor leaves it, before numbers are made of it.</param>
    /// <param name="grid">Rows and columns of patches.</param>
    public GroupPicture(Picture image, (int Rows, int Columns) grid)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(grid.Rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(grid.Columns);
        (_image, _grid, _scale) = (image, grid, Math.Max(1, WantedSide / Math.Max(image.Height, image.Width)));
    }

    /// <summary>Rows and columns of what is drawn.</summary>
    public (int Height, int Width) Size => (_image.Height * _scale, _image.Width * _scale);

    /// <summary>The image with groups as red, green, blue, opacity, row by row.</summary>
    /// <param name="groups">The group of each patch, row by row; −1 for a dropped one. Null: the image as it is.</param>
    public byte[] Draw(IReadOnlyList<int>? groups)
    {
        if (groups is not null && groups.Count != _grid.Rows * _grid.Columns)
            throw new ArgumentException($"there are {groups.Count} groups for {_grid.Rows}×{_grid.Columns} patches", nameof(groups));
        (int height, int width) = Size;
        byte[] pixels = new byte[checked(4 * height * width)];
        Dictionary<int, (int Red, int Green, int Blue)>? colours = groups is null ? null : Colours(groups);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                Span<byte> pixel = pixels.AsSpan(4 * ((y * width) + x), 4);
                (int red, int green, int blue) = Pixel(y / _scale, x / _scale);
                if (groups is not null)
                {
                    int own = Group(groups, y, x);
                    bool edge = Group(groups, Math.Min(y + 1, height - 1), x) != own || Group(groups, y, Math.Min(x + 1, width - 1)) != own;
                    (red, green, blue) = edge ? (255, 255, 255)
                        : own >= 0 ? colours![own]
                        : (x + y) % Hatch < Hatch / 2 ? (30, 30, 30) : (90, 90, 90);
                }

                (pixel[0], pixel[1], pixel[2], pixel[3]) = ((byte)red, (byte)green, (byte)blue, 255);
            }
        }

        return pixels;
    }

    /// <summary>The same as a PNG file.</summary>
    public byte[] Png(IReadOnlyList<int>? groups) => Png([Draw(groups)], columns: 1);

    /// <summary>Several side by side, row by row, with a gap between.</summary>
    public byte[] Png(IReadOnlyList<byte[]> drawings, int columns)
    {
        ArgumentNullException.ThrowIfNull(drawings);
        const int Gap = 8;
        (int height, int width) = Size;
        int shown = Math.Min(columns, drawings.Count), lines = (drawings.Count + shown - 1) / shown;
        var info = new SKImageInfo((shown * (width + Gap)) - Gap, (lines * (height + Gap)) - Gap, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        using var bitmap = new SKBitmap(info);
        Span<byte> all = bitmap.GetPixelSpan();
        all.Fill(255);
        for (int i = 0; i < drawings.Count; i++)
        {
            for (int y = 0; y < height; y++)
                drawings[i].AsSpan(4 * y * width, 4 * width).CopyTo(all[(((((i / shown * (height + Gap)) + y) * info.Width) + (i % shown * (width + Gap))) * 4)..]);
        }

        using SKImage image = SKImage.FromBitmap(bitmap);
        using SKData data = image.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    private int Group(IReadOnlyList<int> groups, int y, int x) => groups[Patch(y / _scale, x / _scale)];

    private int Patch(int y, int x) => (Math.Min(y * _grid.Rows / _image.Height, _grid.Rows - 1) * _grid.Columns) + Math.Min(x * _grid.Columns / _image.Width, _grid.Columns - 1);

    private (int Red, int Green, int Blue) Pixel(int y, int x)
    {
        int at = ((y * _image.Width) + x) * _image.Channels;
        return _image.Channels == 1 ? (_image.Pixels[at], _image.Pixels[at], _image.Pixels[at]) : (_image.Pixels[at], _image.Pixels[at + 1], _image.Pixels[at + 2]);
    }

    private Dictionary<int, (int Red, int Green, int Blue)> Colours(IReadOnlyList<int> groups)
    {
        var sums = new Dictionary<int, (long Red, long Green, long Blue, long Count)>();
        for (int y = 0; y < _image.Height; y++)
        {
            for (int x = 0; x < _image.Width; x++)
            {
                int group = groups[Patch(y, x)];
                (int red, int green, int blue) = Pixel(y, x);
                (long Red, long Green, long Blue, long Count) sum = sums.GetValueOrDefault(group);
                sums[group] = (sum.Red + red, sum.Green + green, sum.Blue + blue, sum.Count + 1);
            }
        }

        return sums.ToDictionary(sum => sum.Key, sum => ((int)(sum.Value.Red / sum.Value.Count), (int)(sum.Value.Green / sum.Value.Count), (int)(sum.Value.Blue / sum.Value.Count)));
    }
}
