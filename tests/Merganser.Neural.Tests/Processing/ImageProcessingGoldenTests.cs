using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Processing;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Processing;

/// <summary>Pictures against Pillow's resizing and greys, and against the processors of the reference library; the file says what was asked of them.</summary>
public sealed class ImageProcessingGoldenTests
{
    private static GoldenCase Open() => new(Path.Combine(Golden.Repository, "tests", "data", "image-processing.safetensors"));

    [Fact]
    public void Resizing_gives_the_bytes_of_Pillow()
    {
        using DisposeScope scope = NewDisposeScope();
        using GoldenCase golden = Open();
        int checks = 0;
        foreach (string name in golden.Names.Where(name => name.StartsWith("resize.", StringComparison.Ordinal)))
        {
            string[] parts = name.Split('.', 'x');
            Picture result = Resampler.Resize(Image(golden, parts[1]), Number(parts[3]), Number(parts[4]), (ResampleFilter)Number(parts[2]));
            byte[] expected = Bytes(golden[name]);
            int different = Enumerable.Range(0, expected.Length).Count(i => expected[i] != result.Pixels[i]);
            Assert.True(different == 0, $"{name}: {different} of {expected.Length} bytes differ");
            checks++;
        }

        Assert.NotEqual(0, checks);
    }

    [Fact]
    public void Greys_are_those_of_Pillow()
    {
        using DisposeScope scope = NewDisposeScope();
        using GoldenCase golden = Open();
        string[] names = [.. golden.Names.Where(name => name.StartsWith("grey.", StringComparison.Ordinal))];
        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.Equal(Bytes(golden[name]), Image(golden, name.Split('.')[1]).To(1).Pixels));
    }

    [Fact]
    public void Processors_give_the_values_of_the_reference()
    {
        using DisposeScope scope = NewDisposeScope();
        using GoldenCase golden = Open();
        int checks = 0;
        foreach (string name in golden.Names.Where(name => name.StartsWith("processed.", StringComparison.Ordinal)))
        {
            JsonObject asked = JsonNode.Parse(golden.Metadata[name])!.AsObject();
            ImageProcessor processor = ImageProcessor.Of(new ModelConfig(asked["config"]!.AsObject(), name), "ViT");
            Tensor result = processor.Process([Image(golden, asked["image"]!.ToString())]);
            GoldenCase.Close(golden[name].unsqueeze(0), result, 1e-6, name);
            checks++;
        }

        Assert.NotEqual(0, checks);
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static byte[] Bytes(Tensor tensor) => [.. tensor.to(ScalarType.Byte).contiguous().data<byte>()];

    private static Picture Image(GoldenCase golden, string number)
    {
        Tensor image = golden[$"image.{number}"];
        return new Picture((int)image.shape[0], (int)image.shape[1], 3, Bytes(image));
    }
}
