using System.Globalization;

namespace Merganser.Neural.Tokens;

/// <summary>
/// How many tokens leave in every block: a list, a constant, a number that falls or rises over the blocks (ToMe, arXiv 2210.09461), a ratio
/// that stays in every block (PiToMe, arXiv 2405.16148), or a number of tokens to arrive at.
/// </summary>
public sealed class ReductionSchedule
{
    private readonly Func<int, int, long, long> _removed;

    private ReductionSchedule(string description, Func<int, int, long, long> removed) => (Description, _removed) = (description, removed);

    /// <summary>The schedule as a user writes it.</summary>
    public string Description { get; }

    /// <summary>The ratio that is kept in every block, if that is what the schedule says.</summary>
    public double? Ratio { get; private init; }

    /// <summary>Nothing leaves.</summary>
    public static ReductionSchedule None { get; } = Constant(0);

    /// <summary>The same number in every block. A fraction is spread: of 2.5, two and three leave by turns.</summary>
    /// <exception cref="ArgumentOutOfRangeException">r is negative or no number.</exception>
    public static ReductionSchedule Constant(double r)
    {
        if (!(r >= 0) || r > int.MaxValue)
            throw new ArgumentOutOfRangeException(nameof(r), r, "the number of tokens that leave in a block is 0 or more");
        return new ReductionSchedule(string.Create(CultureInfo.InvariantCulture, $"r={r:0.####}"), (block, _, _) => (long)(r * (block + 1)) - (long)(r * block));
    }

    /// <summary>From ⌊r(1−t)⌋ in the first block, truncated, in a straight line to 2r minus that in the last: t = 0 constant, −1 falling, 1 rising.</summary>
    /// <param name="r">The mean, 0 or more.</param>
    /// <param name="inflection">t, from −1 to 1.</param>
    public static ReductionSchedule Inflected(int r, double inflection)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(r);
        if (!(inflection is >= -1 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(inflection), inflection, "the inflection is from -1 (falling) to 1 (rising)");
        double least = Math.Truncate(r * (1 - inflection)), most = (2 * r) - least;
        return new ReductionSchedule(
            string.Create(CultureInfo.InvariantCulture, $"r={r}@{inflection:0.####}"),
            (block, blocks, _) => blocks == 1 ? r : (long)(least + ((most - least) / (blocks - 1) * block)));
    }

    /// <summary>One number per block; blocks after the end of the list lose nothing.</summary>
    public static ReductionSchedule List(params IReadOnlyList<int> removed)
    {
        ArgumentNullException.ThrowIfNull(removed);
        foreach (int r in removed)
            ArgumentOutOfRangeException.ThrowIfNegative(r, nameof(removed));
        int[] numbers = [.. removed];
        return new ReductionSchedule($"r=[{string.Join(",", numbers)}]", (block, blocks, _) => numbers.Length > blocks
            ? throw new ArgumentException($"the schedule has {numbers.Length} numbers, the model {blocks} blocks")
            : block < numbers.Length ? numbers[block] : 0);
    }

    /// <summary>Every block loses ⌊N − N·ratio⌋, in double precision.</summary>
    /// <param name="ratio">Above 0, at most 1; N counts what the reducer counts.</param>
    public static ReductionSchedule Keep(double ratio)
    {
        if (!(ratio is > 0 and <= 1))
            throw new ArgumentOutOfRangeException(nameof(ratio), ratio, "the ratio of tokens that a block keeps is above 0 and at most 1");
        return new ReductionSchedule(string.Create(CultureInfo.InvariantCulture, $"keep={ratio:0.######}"), (_, _, count) => (long)Math.Floor(count - (count * ratio))) { Ratio = ratio };
    }

    /// <summary>About the same number in every block, so that the last one arrives at this many tokens.</summary>
    public static ReductionSchedule Target(long tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(tokens);
        return new ReductionSchedule($"tokens={tokens}", (block, blocks, count) => Math.Max(0, count - tokens + (blocks - block) - 1) / (blocks - block));
    }

    /// <summary>Reads <c>8</c>, <c>8@-1</c> (a number with an inflection), or a list <c>[8,8,4]</c>.</summary>
    /// <exception cref="MerganserException">It is none of these.</exception>
    public static ReductionSchedule Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string trimmed = text.Trim();
        try
        {
            if (trimmed.StartsWith('[') && trimmed.EndsWith(']'))
                return List([.. trimmed[1..^1].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(part => int.Parse(part, NumberStyles.Integer, CultureInfo.InvariantCulture))]);
            string[] parts = trimmed.Split('@');
            return parts.Length switch
            {
                1 => Constant(double.Parse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture)),
                2 => Inflected(int.Parse(parts[0], NumberStyles.Integer, CultureInfo.InvariantCulture), double.Parse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture)),
                _ => throw new FormatException(),
            };
        }
        catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
        {
            throw new MerganserException($"schedule '{text}' is not understood; it is a number of tokens per block (8), a number with an inflection from -1 to 1 (8@-1), or a list ([8,8,4,0])", e);
        }
    }

    /// <summary>How many leave in a block, before the reducer bounds it.</summary>
    /// <param name="block">0-based.</param>
    /// <param name="blocks">All blocks of the model.</param>
    /// <param name="count">The tokens that the reducer counts.</param>
    public long Removed(int block, int blocks, long count) => _removed(block, blocks, count);

    /// <inheritdoc/>
    public override string ToString() => Description;
}
