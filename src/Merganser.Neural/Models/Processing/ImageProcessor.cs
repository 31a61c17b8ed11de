using System.Runtime.ExceptionServices;
using System.Text.Json.Nodes;
using Merganser.Neural.Models.Vision;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Processing;

/// <summary>
/// What is done to a picture before a vision model sees it, as the model's <c>preprocessor_config.json</c> says: resize, crop from the
/// middle, x·factor, (x − mean)/deviation. The values of ViT, DeiT, CLIP and SigLIP files, older and newer, are read with the defaults of
/// their processors; without such a file those defaults at the size of the model count.
/// </summary>
public sealed record ImageProcessor
{
    private const int MaxSide = 1 << 13;
    private static readonly string[] Families = ["ViT", "DeiT", "CLIP", "Siglip"];

    /// <summary>1 or 3: pictures are made grey, or coloured.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The size after resizing; null: another rule, or none.</summary>
    public (int Height, int Width)? Size { get; init; }

    /// <summary>The shorter side after resizing, with the shape kept; null: another rule, or none.</summary>
    public int? ShortestEdge { get; init; }

    /// <summary>How pixels are weighted.</summary>
    public ResampleFilter Filter { get; init; } = ResampleFilter.Bilinear;

    /// <summary>What is cut out of the middle; black is added where the picture is smaller. Null: nothing is cut.</summary>
    public (int Height, int Width)? Crop { get; init; }

    /// <summary>Multiplies the bytes; 1/255 in most files.</summary>
    public double Factor { get; init; } = 1.0 / 255;

    /// <summary>Subtracted, per channel.</summary>
    public IReadOnlyList<double> Mean { get; init; } = [0.5];

    /// <summary>Divides, per channel.</summary>
    public IReadOnlyList<double> Deviation { get; init; } = [0.5];

    /// <summary>The processor of a model's folder.</summary>
    /// <exception cref="MerganserException">A file says something that is wrong or not known here.</exception>
    public static ImageProcessor Load(PretrainedModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        VisionShape shape = model switch
        {
            VisionModel vision => vision.Encoder.Shape,
            ClipModel clip => clip.Vision.Shape,
            _ => throw new ArgumentException($"{model.GetType().Name} takes no images", nameof(model)),
        };
        string type = model.Config.Text("model_type", "vit");
        string family = type.StartsWith("clip", StringComparison.Ordinal) ? "CLIP" : type.StartsWith("siglip", StringComparison.Ordinal) ? "Siglip" : type == "deit" ? "DeiT" : "ViT";
        ModelConfig? config = model.Source is { } folder ? Find(folder) : null;
        if (config is not null)
            return Of(config, family, shape.Channels);
        ImageProcessor usual = Of(new ModelConfig([], "preprocessor_config.json"), family, shape.Channels);
        return usual.ShortestEdge is null
            ? usual with { Size = shape.Image, Crop = null }
            : usual with { ShortestEdge = Math.Min(shape.Image.Height, shape.Image.Width), Crop = shape.Image };
    }

    /// <summary>Reads a preprocessor's configuration.</summary>
    /// <param name="config">The file.</param>
    /// <param name="family">ViT, DeiT, CLIP or Siglip: whose defaults count if the file does not name its type.</param>
    /// <param name="channels">The channels of the model.</param>
    /// <exception cref="MerganserException">A value is wrong, or the type is not known.</exception>
    public static ImageProcessor Of(ModelConfig config, string family, int channels = 3)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (channels is not (1 or 3))
            throw new MerganserException($"the model takes images of {channels} channels; pictures are made for models of 1 or 3");
        string type = config.Text("image_processor_type", config.Text("feature_extractor_type", family));
        family = Array.Find(Families, name => type == name || (type.StartsWith(name, StringComparison.Ordinal) && (type.AsSpan(name.Length).StartsWith("ImageProcessor") || type.AsSpan(name.Length).StartsWith("FeatureExtractor"))))
            ?? throw config.Wrong("image_processor_type", $"the processor of one of {string.Join(", ", Families)}");
        bool clip = family == "CLIP";
        (int Height, int Width)? size = null;
        int? shortest = null;
        if (config.Flag("do_resize", true))
            (size, shortest) = SizeOf(config, "size", family == "DeiT" ? 256 : 224, keepsShape: clip);
        int filter = config.Int("resample", family == "ViT" ? (int)ResampleFilter.Bilinear : (int)ResampleFilter.Bicubic);
        if (!Enum.IsDefined((ResampleFilter)filter))
            throw config.Wrong("resample", "0 (nearest), 1 (lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (hamming)");
        bool normalises = config.Flag("do_normalize", true);
        return new ImageProcessor
        {
            Channels = channels,
            Size = size,
            ShortestEdge = shortest,
            Filter = (ResampleFilter)filter,
            Crop = config.Flag("do_center_crop", clip || family == "DeiT") ? SizeOf(config, "crop_size", 224, keepsShape: false).Size : null,
            Factor = config.Flag("do_rescale", true) ? config.Number("rescale_factor", 1.0 / 255) : 1,
            Mean = normalises ? Values(config, "image_mean", channels, clip && channels == 3 ? [0.48145466, 0.4578275, 0.40821073] : [0.5]) : [0],
            Deviation = normalises ? Values(config, "image_std", channels, clip && channels == 3 ? [0.26862954, 0.26130258, 0.27577711] : [0.5]) : [1],
        };
    }

    /// <summary>Resizes and cuts, nothing else.</summary>
    public Picture Fit(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        picture = picture.To(Channels);
        if (Size is { } size)
            picture = Resampler.Resize(picture, size.Height, size.Width, Filter);
        else if (ShortestEdge is { } edge)
            picture = Resampler.Resize(picture, Side(edge, picture.Height, picture.Width), Side(edge, picture.Width, picture.Height), Filter);
        return Crop is { } crop ? Cut(picture, crop.Height, crop.Width) : picture;
    }

    /// <summary>Float32 [B, channels, height, width] on the processor.</summary>
    /// <exception cref="MerganserException">The configuration leaves pictures of different sizes.</exception>
    public Tensor Process(IReadOnlyList<Picture> pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        ArgumentOutOfRangeException.ThrowIfZero(pictures.Count);
        var fitted = new Picture[pictures.Count];
        Fit(pictures, fitted);
        (int height, int width) = (fitted[0].Height, fitted[0].Width);
        if (Array.Find(fitted, picture => (picture.Height, picture.Width) != (height, width)) is { } other)
            throw new MerganserException($"a batch has pictures of {height}×{width} and of {other.Height}×{other.Width}; the preprocessor's configuration does not bring them to one size");
        float[][] tables = [.. Enumerable.Range(0, Channels).Select(Table)];
        int plane = height * width, size = plane * Channels;
        float[] values = new float[checked(size * fitted.Length)];
        for (int i = 0; i < fitted.Length; i++)
        {
            ReadOnlySpan<byte> pixels = fitted[i].Pixels;
            for (int channel = 0; channel < Channels; channel++)
            {
                float[] table = tables[channel];
                Span<float> to = values.AsSpan((i * size) + (channel * plane), plane);
                for (int place = 0, from = channel; place < to.Length; place++, from += Channels)
                    to[place] = table[pixels[from]];
            }
        }

        return tensor(values, [fitted.Length, Channels, height, width]);
    }

    private void Fit(IReadOnlyList<Picture> pictures, Picture[] fitted)
    {
        try
        {
            Parallel.For(0, fitted.Length, i => fitted[i] = Fit(pictures[i]));
        }
        catch (AggregateException e) when (e.InnerExceptions[0] is MerganserException first)
        {
            ExceptionDispatchInfo.Throw(first);
        }
    }

    /// <summary>The value of each byte: in float32, as published processors compute.</summary>
    private float[] Table(int channel)
    {
        float mean = (float)Mean[Mean.Count == 1 ? 0 : channel], deviation = (float)Deviation[Deviation.Count == 1 ? 0 : channel];
        float[] table = new float[256];
        for (int value = 0; value < table.Length; value++)
            table[value] = ((float)(value * Factor) - mean) / deviation;
        return table;
    }

    /// <summary>The new length of one side, when the shorter of both gets the length <paramref name="edge"/>.</summary>
    private static int Side(int edge, int side, int other) => side <= other ? edge
        : (int)((double)edge * side / other) is var length && length <= MaxSide * 8 ? length : throw new MerganserException($"a picture of {side} by {other} pixels is too long to be resized to a shorter side of {edge}");

    private static Picture Cut(Picture picture, int height, int width)
    {
        if ((height, width) == (picture.Height, picture.Width))
            return picture;
        // Halves are rounded down: towards the top left where something is cut, the odd black line on top where something is added.
        int top = (picture.Height - height) >> 1, left = (picture.Width - width) >> 1, channels = picture.Channels;
        byte[] result = new byte[checked(height * width * channels)];
        int first = Math.Max(0, -left), after = Math.Min(width, picture.Width - left);
        for (int y = Math.Max(0, -top); y < height && y + top < picture.Height; y++)
        {
            int from = (((y + top) * picture.Width) + first + left) * channels;
            picture.Pixels.AsSpan(from, (after - first) * channels).CopyTo(result.AsSpan(((y * width) + first) * channels));
        }

        return new Picture(height, width, channels, result);
    }

    private static ModelConfig? Find(string folder)
    {
        string own = Path.Join(folder, "preprocessor_config.json"), joint = Path.Join(folder, "processor_config.json");
        if (File.Exists(own))
            return ModelConfig.ReadFile(own);
        return File.Exists(joint) && ModelConfig.ReadFile(joint) is var all && all.Has("image_processor") ? all.Block("image_processor") : null;
    }

    private static ((int Height, int Width)? Size, int? Shortest) SizeOf(ModelConfig config, string key, int otherwise, bool keepsShape)
    {
        if (config.Document[key] is not JsonObject)
        {
            int side = Side(config, key, otherwise);
            return keepsShape ? (null, side) : ((side, side), null);
        }

        ModelConfig size = config.Block(key);
        if (size.Has("height") && size.Has("width"))
            return ((Side(size, "height", 0), Side(size, "width", 0)), null);
        return size.Has("shortest_edge") && !size.Has("longest_edge") && key == "size"
            ? (null, Side(size, "shortest_edge", 0))
            : throw config.Wrong(key, key == "size" ? "a number, or an object with height and width or with shortest_edge" : "a number, or an object with height and width");
    }

    private static int Side(ModelConfig config, string key, int otherwise) =>
        config.Size(key, otherwise) is var side && side <= MaxSide ? side : throw config.Wrong(key, $"at most {MaxSide}");

    private static double[] Values(ModelConfig config, string key, int channels, double[] otherwise)
    {
        IReadOnlyList<double> numbers = config.Has(key) && config.Document[key] is JsonArray ? config.Numbers(key) : config.Has(key) ? [config.Number(key, 0)] : otherwise;
        bool fits = (numbers.Count == channels || numbers.Count == 1) && numbers.All(double.IsFinite) && (key != "image_std" || numbers.All(number => number != 0));
        return fits ? [.. numbers] : throw config.Wrong(key, $"{channels} numbers{(key == "image_std" ? " other than 0" : "")}");
    }
}
