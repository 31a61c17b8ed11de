using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Vision;

/// <summary>The sizes and switches in which vision encoders differ.</summary>
public sealed record VisionShape
{
    private const int MostBlocks = 10_000;

    /// <summary>The width of the tokens.</summary>
    public required int Width { get; init; }

    /// <summary>The width inside the feed-forward net.</summary>
    public required int Intermediate { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Blocks { get; init; }

    /// <summary>The number of heads; their width is <see cref="Width"/> / heads.</summary>
    public required int Heads { get; init; }

    /// <summary>ε of the norms.</summary>
    public required double Epsilon { get; init; }

    /// <summary>Height and width of the images that the model was made for.</summary>
    public required (int Height, int Width) Image { get; init; }

    /// <summary>Height and width of a patch.</summary>
    public required (int Height, int Width) Patch { get; init; }

    /// <summary>Channels of the images.</summary>
    public required int Channels { get; init; }

    /// <summary>Tokens before the patches: none, CLS, or CLS and DIST.</summary>
    public int SpecialTokens { get; init; }

    /// <summary>A norm before the first block (CLIP).</summary>
    public bool PreNorm { get; init; }

    /// <summary>The convolution of the patches has a bias.</summary>
    public bool PatchBias { get; init; } = true;

    /// <summary>Queries, keys and values have biases.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>The rows and columns of patches.</summary>
    public (int Rows, int Columns) Grid => (Image.Height / Patch.Height, Image.Width / Patch.Width);

    /// <summary>All tokens: special ones and patches.</summary>
    public long Tokens => SpecialTokens + ((long)Grid.Rows * Grid.Columns);

    /// <summary>The activation of the feed-forward net.</summary>
    internal Func<Tensor, Tensor> Activation { get; init; } = static x => nn.functional.gelu(x);

    /// <summary>Reads the sizes; what differs between architectures comes as defaults.</summary>
    /// <exception cref="MerganserException">A value is of a wrong type or does not fit another.</exception>
    internal static VisionShape Read(ModelConfig config, double epsilon, string activation, int patch)
    {
        int width = config.Size("hidden_size", 768), heads = config.Size("num_attention_heads", 12), blocks = config.Size("num_hidden_layers", 12);
        if (width % heads != 0)
            throw config.Wrong("num_attention_heads", $"a divisor of hidden_size, {width}");
        if (blocks > MostBlocks)
            throw config.Wrong("num_hidden_layers", $"at most {MostBlocks}");
        (int Height, int Width) image = Pair(config, "image_size", 224), patches = Pair(config, "patch_size", patch);
        if (patches.Height > image.Height || patches.Width > image.Width)
            throw config.Wrong("patch_size", $"at most image_size, {image.Height}×{image.Width}");
        return new VisionShape
        {
            Width = width,
            Intermediate = config.Size("intermediate_size", 3072),
            Blocks = blocks,
            Heads = heads,
            Epsilon = config.Number("layer_norm_eps", epsilon),
            Image = image,
            Patch = patches,
            Channels = config.Size("num_channels", 3),
            Activation = Layers.Activation.Of(config, "hidden_act", activation),
        };
    }

    /// <summary>One whole number for both, or a list of two: height and width.</summary>
    private static (int Height, int Width) Pair(ModelConfig config, string key, int otherwise)
    {
        if (config.Document[key] is not JsonArray)
            return (config.Size(key, otherwise), config.Size(key, otherwise));
        IReadOnlyList<double> numbers = config.Numbers(key);
        return numbers.Count == 2 && numbers.All(number => number is >= 1 and <= 1 << 20 && number == Math.Floor(number))
            ? ((int)numbers[0], (int)numbers[1])
            : throw config.Wrong(key, "a positive whole number, or two of them");
    }
}
