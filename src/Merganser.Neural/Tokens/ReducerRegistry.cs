using Merganser.Neural.Models.Vision;

namespace Merganser.Neural.Tokens;

/// <summary>How much a reducer is to take away, as users say it: one of the four, or none for the whole model.</summary>
public sealed record ReductionBudget
{
    /// <summary>Tokens per block; a fraction is spread.</summary>
    public double? PerBlock { get; init; }

    /// <summary>The ratio of tokens that every block keeps; for reducers that act once, the ratio of patches that they keep.</summary>
    public double? Keep { get; init; }

    /// <summary>The part of the encoder's operations that is left, above 0 and at most 1.</summary>
    public double? Flops { get; init; }

    /// <summary>A schedule, as <see cref="ReductionSchedule.Parse"/> reads it.</summary>
    public string? Schedule { get; init; }
}

/// <summary>What reducers take besides a budget.</summary>
/// <param name="Schedule">How many tokens leave.</param>
public sealed record ReducerOptions(ReductionSchedule Schedule)
{
    /// <summary>Where random numbers begin.</summary>
    public ulong Seed { get; init; }

    /// <summary>Learned numbers for DiffRate.</summary>
    public TokenRates? Rates { get; init; }

    /// <summary>In place of the method's own choice.</summary>
    public bool? ProportionalAttention { get; init; }
}

/// <summary>The reducers by the names that users type: one line each.</summary>
public static class ReducerRegistry
{
    private const int Steps = 40;

    private static readonly Dictionary<string, Entry> Known = new(StringComparer.Ordinal)
    {
        ["tome"] = new(Knob.PerBlock, "the most similar pairs merge", o => new ToMe { Schedule = o.Schedule, ProportionalAttention = o.ProportionalAttention ?? true }),
        ["pitome"] = new(Knob.Half, "pairs in large similar clusters merge", o => new PiToMe { Schedule = o.Schedule, ProportionalAttention = o.ProportionalAttention ?? false }),
        ["diffrate"] = new(Knob.PerBlock, "the least important are dropped, the next merge; rates may be learned", o => new DiffRate { Schedule = o.Schedule, Rates = o.Rates, ProportionalAttention = o.ProportionalAttention ?? true }),
        ["prune"] = new(Knob.PerBlock, "the least important are dropped", o => new PruneTokens { Schedule = o.Schedule, ProportionalAttention = o.ProportionalAttention ?? false }),
        ["random"] = new(Knob.PerBlock, "baseline: random tokens merge into the most similar", o => new RandomTokens { Schedule = o.Schedule, Seed = o.Seed, ProportionalAttention = o.ProportionalAttention ?? true }),
        ["random-pair"] = new(Knob.PerBlock, "baseline: random tokens merge into random ones", o => new RandomTokens { Schedule = o.Schedule, Seed = o.Seed, Kind = RandomReduction.Pair, ProportionalAttention = o.ProportionalAttention ?? true }),
        ["random-drop"] = new(Knob.PerBlock, "baseline: random tokens are dropped", o => new RandomTokens { Schedule = o.Schedule, Seed = o.Seed, Kind = RandomReduction.Drop, ProportionalAttention = o.ProportionalAttention ?? true }),
        ["grid"] = new(Knob.Once, "baseline: the first block pools the grid of patches", o => new GridPooling { Schedule = o.Schedule, ProportionalAttention = o.ProportionalAttention ?? true }),
        ["kth"] = new(Knob.Once, "baseline: the first block merges all but every k-th patch", o => new KthTokens { Schedule = o.Schedule, ProportionalAttention = o.ProportionalAttention ?? true }),
    };

    private enum Knob
    {
        PerBlock,
        Half,
        Once,
    }

    /// <summary>The names.</summary>
    public static IReadOnlyCollection<string> Names => Known.Keys;

    /// <summary>What a reducer does, in a few words.</summary>
    public static string Summary(string name) => Find(name).Summary;

    /// <summary>A reducer with a budget.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="budget">How much leaves.</param>
    /// <param name="shape">The encoder, which budgets are measured on.</param>
    /// <param name="options">Everything else; its schedule is replaced.</param>
    /// <exception cref="MerganserException">The name or the budget is wrong.</exception>
    public static TokenReducer Create(string name, ReductionBudget budget, VisionShape shape, ReducerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(budget);
        ArgumentNullException.ThrowIfNull(shape);
        Entry entry = Find(name);
        options ??= new ReducerOptions(ReductionSchedule.None);
        object?[] given = [budget.PerBlock, budget.Keep, budget.Flops, budget.Schedule];
        int count = given.Count(value => value is not null) + (options.Rates is null ? 0 : 1);
        if (count != 1)
            throw new MerganserException($"{name}: give one budget: tokens per block (--r), a ratio that is kept (--keep), a part of the operations (--flops), a schedule (--schedule){(name == "diffrate" ? ", or learned rates (--rates)" : "")}");
        if (options.Rates is not null && name != "diffrate")
            throw new MerganserException($"{name}: learned rates are diffrate's");
        try
        {
            TokenReducer reducer = budget.Flops is { } flops
                ? Fit(entry, flops, shape, options)
                : entry.Make(options with
                {
                    Schedule = budget.PerBlock is { } r ? ReductionSchedule.Constant(r) : budget.Keep is { } keep ? ReductionSchedule.Keep(keep) : budget.Schedule is { } text ? ReductionSchedule.Parse(text) : ReductionSchedule.None,
                });
            FlopCount.Lengths(shape, reducer); // What does not fit the encoder shows here, before any image.
            return reducer;
        }
        catch (ArgumentException e)
        {
            string message = e is ArgumentOutOfRangeException { ActualValue: { } value } ? FormattableString.Invariant($"{e.Message.Split(" (Parameter")[0]}, not {value}") : e.Message;
            throw new MerganserException($"{name}: {message}", e);
        }
    }

    /// <summary>The knob is turned until the operations of the blocks are as near the wanted part as they come.</summary>
    private static TokenReducer Fit(Entry entry, double part, VisionShape shape, ReducerOptions options)
    {
        if (!(part is > 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(part), part, "the part of the operations that is left is above 0 and at most 1");
        double all = FlopCount.Blocks(shape), low = 0, high = entry.Knob == Knob.PerBlock ? shape.Tokens : 1 - (entry.Knob == Knob.Half ? 0.5 : 1e-3);
        TokenReducer Make(double knob) => entry.Make(options with { Schedule = entry.Knob == Knob.PerBlock ? ReductionSchedule.Constant(Math.Round(knob, 3)) : ReductionSchedule.Keep(Math.Round(1 - knob, 4)) });
        double Left(TokenReducer reducer) => FlopCount.Blocks(shape, reducer) / all;
        for (int step = 0; step < Steps; step++)
        {
            double middle = (low + high) / 2;
            if (Left(Make(middle)) > part)
                low = middle;
            else
                high = middle;
        }

        TokenReducer more = Make(low), less = Make(high);
        return Left(more) - part <= part - Left(less) ? more : less;
    }

    private static Entry Find(string name) => Known.TryGetValue(name, out Entry? entry)
        ? entry
        : throw new MerganserException($"reducer '{name}' is unknown; known are {string.Join(", ", Known.Keys)}");

    private sealed record Entry(Knob Knob, string Summary, Func<ReducerOptions, TokenReducer> Make);
}
