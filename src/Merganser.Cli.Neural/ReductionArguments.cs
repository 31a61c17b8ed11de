using System.CommandLine;
using System.Globalization;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens;

namespace Merganser.Cli.Neural;

/// <summary>The options of verbs that run an encoder of images with fewer tokens.</summary>
internal sealed class ReductionArguments
{
    private readonly Option<string> _reduce = new("--reduce") { Description = $"fewer tokens inside the encoder of images: {string.Join(", ", ReducerRegistry.Names)}" };
    private readonly Option<double?> _perBlock = new("--r") { Description = "tokens that leave in every block" };
    private readonly Option<double?> _keep = new("--keep") { Description = "the ratio of tokens that every block keeps (grid, kth: of patches, once)" };
    private readonly Option<double?> _flops = new("--flops") { Description = "the part of the encoder's operations that is left" };
    private readonly Option<string> _schedule = new("--schedule") { Description = "tokens that leave: 8, 8@-1 (falling; 1 rising), [8,8,4,0]" };
    private readonly Option<string> _rates = new("--rates") { Description = $"diffrate: learned numbers, {string.Join(" or ", TokenRates.Presets)}, or FILE or FILE#model/target" };
    private readonly Option<bool?> _proportional = new("--proportional-attention") { Description = "a token counts as often as it stands for several (default: as the method's authors do)" };
    private readonly Option<ulong> _seed = new("--reduce-seed") { Description = "where the random reducers begin" };

    public void AddTo(Command command)
    {
        foreach (Option option in (ReadOnlySpan<Option>)[_reduce, _perBlock, _keep, _flops, _schedule, _rates, _proportional, _seed])
            command.Add(option);
    }

    /// <summary>The reducer that was asked for, or null.</summary>
    /// <exception cref="MerganserException">It does not fit the model, or its options do not fit together.</exception>
    public TokenReducer? Reducer(ParseResult parsed, PretrainedModel model)
    {
        string? rates = parsed.GetValue(_rates);
        var budget = new ReductionBudget { PerBlock = parsed.GetValue(_perBlock), Keep = parsed.GetValue(_keep), Flops = parsed.GetValue(_flops), Schedule = parsed.GetValue(_schedule) };
        if (parsed.GetValue(_reduce) is not { } name)
        {
            if (budget != new ReductionBudget() || rates is not null || parsed.GetValue(_proportional) is not null)
                throw new MerganserException("--r, --keep, --flops, --schedule, --rates and --proportional-attention say how much --reduce takes away; name the reducer");
            return null;
        }

        return ReducerRegistry.Create(name, budget, Encoder(model).Shape, new ReducerOptions(ReductionSchedule.None)
        {
            Seed = parsed.GetValue(_seed),
            Rates = rates is null ? null : TokenRates.Read(rates),
            ProportionalAttention = parsed.GetValue(_proportional),
        });
    }

    /// <summary>The encoder that a reducer works in.</summary>
    public static VisionEncoder Encoder(PretrainedModel model) => model switch
    {
        VisionModel vision => vision.Encoder,
        ClipModel clip => clip.Vision,
        _ => throw new MerganserException($"{model.Source}: tokens are reduced in encoders of images with absolute positions (ViT, DeiT, CLIP, SigLIP); {model.GetType().Name} is none: relative or windowed positions would no longer fit"),
    };

    /// <summary>The line on what was saved.</summary>
    public static void Report(TextWriter error, PretrainedModel model, TokenReducer? reducer)
    {
        if (reducer is null)
            return;
        VisionShape shape = Encoder(model).Shape;
        error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{reducer.Budget}: {shape.Tokens} tokens become {FlopCount.Lengths(shape, reducer)[^1].Leaving}; {FlopCount.Blocks(shape, reducer) / FlopCount.Blocks(shape):P1} of the operations"));
    }
}
