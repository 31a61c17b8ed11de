using Merganser.Neural.Models.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Vision;

/// <summary>
/// The encoder of ViT, DeiT, CLIP and SigLIP: patches by a convolution, special tokens, a position table, blocks with norms in front, a
/// final norm. Steps may be taken one by one: <see cref="Embed"/>, <see cref="RunBlocks"/> over any range, <see cref="Norm"/>.
/// </summary>
public sealed class VisionEncoder
{
    private readonly ModelParameters _parameters;
    private readonly ModelParameter? _class, _distillation, _patchBias;
    private readonly ModelParameter _patch, _position;
    private readonly LayerNorm? _preNorm;
    private readonly LayerNorm _norm;
    private readonly EncoderBlock[] _blocks;

    internal VisionEncoder(ModelParameters parameters, VisionShape shape, VisionNames names, string prefix)
    {
        (_parameters, Shape) = (parameters, shape);
        long width = shape.Width;
        if (shape.SpecialTokens > 0)
            _class = parameters.Add(prefix + names.ClassToken, names.ClassTokenIsRow ? [width] : [1, 1, width]);
        if (shape.SpecialTokens > 1)
            _distillation = parameters.Add(prefix + VisionNames.DistillationToken, [1, 1, width]);
        _patch = parameters.Add($"{prefix}{names.Patch}.weight", [width, shape.Channels, shape.Patch.Height, shape.Patch.Width]);
        _patchBias = shape.PatchBias ? parameters.Add($"{prefix}{names.Patch}.bias", [width], Initialization.Zeros) : null;
        _position = parameters.Add(prefix + names.Position, names.ClassTokenIsRow ? [shape.Tokens, width] : [1, shape.Tokens, width]);
        _preNorm = shape.PreNorm ? new LayerNorm(parameters, prefix + VisionNames.PreNorm, width, shape.Epsilon) : null;
        _blocks = [.. Enumerable.Range(0, shape.Blocks).Select(block => new EncoderBlock(parameters, names, prefix, block, shape))];
        _norm = new LayerNorm(parameters, prefix + names.FinalNorm, width, shape.Epsilon);
    }

    /// <summary>The sizes.</summary>
    public VisionShape Shape { get; }

    /// <summary>Images [B, channels, H, W] → tokens [B, N, C]: special tokens, then patches row by row.</summary>
    /// <param name="pixels">The images as the image processor makes them; any device, any floating-point type.</param>
    /// <param name="interpolate">Images of another size are taken, with an interpolated position table.</param>
    /// <exception cref="MerganserException">The images do not have the size that the model was made for.</exception>
    public TokenState Embed(Tensor pixels, bool interpolate = false)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        if (pixels.dim() != 4 || pixels.shape[1] != Shape.Channels)
            throw new ArgumentException($"images are [batch, {Shape.Channels}, height, width], not [{string.Join(", ", pixels.shape)}]", nameof(pixels));
        long height = pixels.shape[2], width = pixels.shape[3];
        bool same = height == Shape.Image.Height && width == Shape.Image.Width;
        if (!same && !interpolate)
            throw new MerganserException($"the images are {height}×{width}, but the model takes {Shape.Image.Height}×{Shape.Image.Width}; resize them, or ask for interpolated positions");
        if (height < Shape.Patch.Height || width < Shape.Patch.Width)
            throw new MerganserException($"the images are {height}×{width}, smaller than one patch of the model, {Shape.Patch.Height}×{Shape.Patch.Width}");
        using DisposeScope scope = NewDisposeScope();
        ModelOptions options = _parameters.Options;
        Tensor patches = nn.functional.conv2d(pixels.to(options.DType, options.Device), _patch.Value, _patchBias?.Value, strides: [Shape.Patch.Height, Shape.Patch.Width]);
        long rows = patches.shape[2], columns = patches.shape[3];
        Tensor tokens = patches.flatten(2).transpose(1, 2);
        if (_class is not null)
        {
            long[] shape = [tokens.shape[0], 1, Shape.Width];
            Tensor first = _class.Value.view(1, 1, Shape.Width).expand(shape);
            tokens = _distillation is null ? cat([first, tokens], 1) : cat([first, _distillation.Value.expand(shape), tokens], 1);
        }

        tokens += Positions(rows, columns);
        return new TokenState(scope.MoveToOuter((_preNorm?.Forward(tokens) ?? tokens).contiguous()));
    }

    /// <summary>Runs the blocks from <paramref name="first"/> to before <paramref name="after"/>.</summary>
    /// <param name="first">The first block, 0-based.</param>
    /// <param name="after">The block after the last one.</param>
    /// <param name="state">The tokens that go in.</param>
    /// <param name="input">Hook and switches.</param>
    public TokenState RunBlocks(int first, int after, TokenState state, VisionInput? input = null)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(after, Shape.Blocks);
        input ??= new VisionInput();
        for (int block = first; block < after; block++)
        {
            if (_parameters.Options.Trainable)
            {
                state = _blocks[block].Forward(state, state.Bias(input.ProportionalAttention), input.Hook);
                continue;
            }

            // Only what goes on outlives a block.
            using DisposeScope scope = NewDisposeScope();
            state = _blocks[block].Forward(state, state.Bias(input.ProportionalAttention), input.Hook);
            foreach (Tensor? tensor in (ReadOnlySpan<Tensor?>)[state.Tokens, state.Size, state.Groups])
            {
                if (tensor is not null && scope.Contains(tensor))
                    scope.MoveToOuter(tensor);
            }
        }

        return state;
    }

    /// <summary>The final norm, of all tokens [B, N, C] or of one vector per image [B, C].</summary>
    public Tensor Norm(Tensor tokens) => _norm.Forward(tokens);

    /// <summary>The whole trunk, tokens before the final norm. The caller's scope gets every tensor.</summary>
    internal VisionOutput Run(Tensor pixels, VisionInput input)
    {
        int blocks = input.Blocks ?? Shape.Blocks;
        if (blocks < 0 || blocks > Shape.Blocks)
            throw new ArgumentOutOfRangeException(nameof(input), $"{blocks} blocks are to be run; the model has {Shape.Blocks}");
        TokenState state = Embed(pixels, input.InterpolatePositions);
        if (!input.HiddenStates)
            return new VisionOutput(RunBlocks(0, blocks, state, input));
        var states = new List<Tensor> { state.Tokens };
        for (int block = 0; block < blocks; block++)
            states.Add((state = RunBlocks(block, block + 1, state, input)).Tokens);
        return new VisionOutput(state) { HiddenStates = states };
    }

    /// <summary>The position table [1, N, C] for a grid of patches; the special tokens keep their rows.</summary>
    private Tensor Positions(long rows, long columns)
    {
        Tensor table = _position.Value.view(1, Shape.Tokens, Shape.Width);
        (int Rows, int Columns) own = Shape.Grid;
        if (rows == own.Rows && columns == own.Columns)
            return table;
        Tensor grid = table.narrow(1, Shape.SpecialTokens, (long)own.Rows * own.Columns).view(1, own.Rows, own.Columns, Shape.Width).permute(0, 3, 1, 2);
        Tensor resized = nn.functional.interpolate(grid.to(ScalarType.Float32), [rows, columns], mode: InterpolationMode.Bicubic, align_corners: false);
        Tensor patches = resized.permute(0, 2, 3, 1).reshape(1, rows * columns, Shape.Width).to(table.dtype);
        return Shape.SpecialTokens == 0 ? patches : cat([table.narrow(1, 0, Shape.SpecialTokens), patches], 1);
    }
}
