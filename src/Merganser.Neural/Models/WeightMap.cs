using System.Collections.Immutable;

namespace Merganser.Neural.Models;

/// <summary>
/// How the names of a file become the names of a model: a table of rules, written once per architecture. A pattern is a name in which
/// <c>*</c> stands for one number. The first rule that fits decides; a name that no rule knows must be a parameter's name as it is,
/// with or without <see cref="Prefix"/>.
/// </summary>
public sealed record WeightMap
{
    /// <summary>What the names of the trunk begin with in files of a model with a head, e.g. <c>bert.</c>; base model files leave it out.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Older or other names.</summary>
    public ImmutableArray<WeightRule> Rules { get; init; } = [];

    /// <summary>Where a tensor of a file belongs.</summary>
    /// <param name="name">The name in the file.</param>
    /// <param name="isParameter">Whether the model has a parameter of that name.</param>
    internal Placement Place(string name, Func<string, bool> isParameter)
    {
        if (Direct(name, isParameter) is { } direct)
            return new Placement([direct], TensorChange.None, null);
        foreach (WeightRule rule in Rules)
        {
            if (!rule.TryMatch(name, Prefix, out int number))
                continue;
            if (rule.Note is { } note)
                return new Placement([], TensorChange.None, note);
            string?[] targets = [.. rule.Targets.Select(target => Direct(target.Replace("*", number.ToString(System.Globalization.CultureInfo.InvariantCulture), StringComparison.Ordinal), isParameter))];
            if (targets.All(target => target is not null))
                return new Placement([.. targets!], rule.Change, null);
        }

        return new Placement([], TensorChange.None, null);
    }

    private string? Direct(string name, Func<string, bool> isParameter)
    {
        if (isParameter(name))
            return name;
        if (Prefix.Length == 0)
            return null;
        string other = name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : Prefix + name;
        return isParameter(other) ? other : null;
    }

    /// <summary>The parameters that a tensor fills; none and a note: it is left out on purpose; none and no note: it is not expected.</summary>
    internal readonly record struct Placement(ImmutableArray<string> Targets, TensorChange Change, string? Note);
}

/// <summary>What is done to a stored tensor before it becomes a parameter.</summary>
public enum TensorChange
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Rows and columns change places.</summary>
    Transpose,

    /// <summary>The first axis is cut into as many equal parts as there are targets.</summary>
    Split,

    /// <summary>The same numbers in another shape: [C] as [1, 1, C].</summary>
    Reshape,
}

/// <summary>One rule of a <see cref="WeightMap"/>.</summary>
/// <param name="Pattern">A name or the end of one (after a dot or the prefix), <c>*</c> for one number.</param>
public sealed record WeightRule(string Pattern)
{
    /// <summary>The parameters that the tensor fills.</summary>
    public ImmutableArray<string> Targets { get; init; } = [];

    /// <summary>What is done to it.</summary>
    public TensorChange Change { get; init; }

    /// <summary>Why the tensor is left out.</summary>
    public string? Note { get; init; }

    /// <summary>The pattern is an ending, not a whole name.</summary>
    public bool IsEnding { get; init; }

    /// <summary>The pattern is a beginning, after the prefix if there is one.</summary>
    public bool IsBeginning { get; init; }

    /// <summary>Another name of one parameter.</summary>
    public static WeightRule Rename(string pattern, string target, TensorChange change = TensorChange.None) => new(pattern) { Targets = [target], Change = change };

    /// <summary>A tensor that holds several parameters on its first axis.</summary>
    public static WeightRule Split(string pattern, params ReadOnlySpan<string> targets) => new(pattern) { Targets = [.. targets], Change = TensorChange.Split };

    /// <summary>A tensor that is not needed: a whole name.</summary>
    public static WeightRule Ignore(string pattern, string note) => new(pattern) { Note = note };

    /// <summary>Tensors that are not needed: all whose name ends so, after a dot.</summary>
    public static WeightRule IgnoreEnding(string pattern, string note) => new(pattern) { Note = note, IsEnding = true };

    /// <summary>Tensors that are not needed: all whose name begins so, after the prefix if there is one. The pattern ends with a dot and has no <c>*</c>.</summary>
    public static WeightRule IgnoreBeginning(string pattern, string note) => new(pattern) { Note = note, IsBeginning = true };

    internal bool TryMatch(string name, string prefix, out int number)
    {
        if (IsBeginning)
        {
            number = 0;
            return name.StartsWith(Pattern, StringComparison.Ordinal)
                || (prefix.Length > 0 && name.StartsWith(prefix, StringComparison.Ordinal) && name.AsSpan(prefix.Length).StartsWith(Pattern, StringComparison.Ordinal));
        }

        if (IsEnding)
        {
            // An ending begins after a dot. Patterns have at most one number, so trying each dot is short.
            for (int start = 0; start >= 0 && start < name.Length; start = name.IndexOf('.', start) is var dot && dot >= 0 ? dot + 1 : -1)
            {
                if (Matches(name.AsSpan(start), out number))
                    return true;
            }

            number = 0;
            return false;
        }

        return Matches(name, out number)
            || (prefix.Length > 0 && name.StartsWith(prefix, StringComparison.Ordinal) && Matches(name.AsSpan(prefix.Length), out number));
    }

    private bool Matches(ReadOnlySpan<char> name, out int number)
    {
        number = 0;
        int star = Pattern.IndexOf('*', StringComparison.Ordinal);
        if (star < 0)
            return name.SequenceEqual(Pattern);
        ReadOnlySpan<char> before = Pattern.AsSpan(0, star), after = Pattern.AsSpan(star + 1);
        return name.Length > before.Length + after.Length
            && name.StartsWith(before, StringComparison.Ordinal)
            && name.EndsWith(after, StringComparison.Ordinal)
            && int.TryParse(name[before.Length..^after.Length], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out number);
    }
}
