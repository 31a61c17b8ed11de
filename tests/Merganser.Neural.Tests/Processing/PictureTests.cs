using System.Text.Json.Nodes;
using CsCheck;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Processing;
using Merganser.Tests;
using SkiaSharp;

namespace Merganser.Neural.Tests.Processing;

/// <summary>Decoding of picture files, and what a processor does not take.</summary>
public sealed class PictureTests
{
    [Fact]
    public void A_png_gives_back_its_pixels_and_drops_transparency()
    {
        using var folder = new TempFolder();
        Write(folder["a.png"], 5, 3, (x, y) => new SKColor((byte)(40 * x), (byte)(80 * y), 7, (byte)(x == 0 ? 128 : 255)));
        Picture picture = Picture.Read(folder["a.png"]);
        Assert.Equal((3, 5, 3), (picture.Height, picture.Width, picture.Channels));
        for (int y = 0; y < 3; y++)
        {
            for (int x = 0; x < 5; x++)
                Assert.Equal([(byte)(40 * x), (byte)(80 * y), 7], picture.Pixels.AsSpan(((y * 5) + x) * 3, 3).ToArray());
        }
    }

    [Theory]
    [InlineData("text", "no PNG")]
    [InlineData("cut", "damaged or cut off")]
    [InlineData("head", "cannot be decoded")]
    [InlineData("missing", "cannot be read")]
    public void What_is_no_picture_is_told_in_one_line(string kind, string expected)
    {
        using var folder = new TempFolder();
        string path = folder["x.png"];
        Write(folder["good.png"], 64, 64, (x, y) => new SKColor((byte)(x * y), (byte)(x ^ y), (byte)(x * 5)));
        byte[] good = File.ReadAllBytes(folder["good.png"]);
        if (kind != "missing")
            File.WriteAllBytes(path, kind switch { "text" => "This is text."u8.ToArray(), "cut" => good[..(good.Length / 2)], _ => good[..10] });
        MerganserException error = Assert.Throws<MerganserException>(() => Picture.Read(path));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Damaged_files_give_a_picture_or_a_message_and_nothing_else()
    {
        using var folder = new TempFolder();
        Write(folder["good.png"], 20, 20, (x, y) => new SKColor((byte)(x * y), (byte)(x ^ y), (byte)(x * 5)));
        byte[] good = File.ReadAllBytes(folder["good.png"]);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[1, good.Length]).Sample((place, value, length) =>
        {
            byte[] bytes = good[..length];
            bytes[place % length] = value;
            try
            {
                Picture picture = Picture.Decode(bytes, "x");
                Assert.True(picture.Height > 0 && picture.Width > 0);
            }
            catch (MerganserException e)
            {
                Assert.StartsWith("x: ", e.Message, StringComparison.Ordinal);
            }
        }, iter: 300);
    }

    [Fact]
    public void Resizing_keeps_a_plain_colour_and_the_range()
    {
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 40], Gen.Int[1, 40], Gen.Byte, Gen.Int[0, 5]).Sample((height, width, newHeight, newWidth, value, filter) =>
        {
            byte[] pixels = new byte[height * width];
            pixels.AsSpan().Fill(value);
            Picture result = Resampler.Resize(new Picture(height, width, 1, pixels), newHeight, newWidth, (ResampleFilter)filter);
            Assert.Equal((newHeight, newWidth), (result.Height, result.Width));
            Assert.All(result.Pixels, got => Assert.Equal(value, got));
        });
    }

    [Theory]
    [InlineData("""{"image_processor_type": "SamImageProcessor"}""", "image_processor_type")]
    [InlineData("""{"resample": 9}""", "resample")]
    [InlineData("""{"size": {"longest_edge": 9}}""", "size")]
    [InlineData("""{"size": -3}""", "size")]
    [InlineData("""{"size": 100000000}""", "size")]
    [InlineData("""{"image_mean": [0.5, 0.5]}""", "image_mean")]
    [InlineData("""{"image_std": [0.5, 0, 0.5]}""", "image_std")]
    public void A_wrong_value_of_a_processor_is_named(string json, string key)
    {
        MerganserException error = Assert.Throws<MerganserException>(() => ImageProcessor.Of(new ModelConfig(JsonNode.Parse(json)!.AsObject(), "preprocessor_config.json"), "ViT"));
        Assert.Contains($"preprocessor_config.json: '{key}'", error.Message, StringComparison.Ordinal);
    }

    internal static void Write(string path, int width, int height, Func<int, int, SKColor> colour)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
                bitmap.SetPixel(x, y, colour(x, y));
        }

        using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(path, data.ToArray());
    }
}
