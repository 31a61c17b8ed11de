namespace Merganser.Weights;

/// <summary>One option of a merge method, as a recipe names it.</summary>
/// <param name="Name">The name in recipes, such as <c>density</c>.</param>
/// <param name="PerModel">True when every model has its own value, false for one value of the whole method.</param>
/// <param name="Default">The value when the recipe sets none; null when it must be set.</param>
/// <param name="Summary">One line for people: meaning, unit, range.</param>
public sealed record MethodParameter(string Name, bool PerModel, double? Default, string Summary)
{
    /// <summary>The smallest value allowed.</summary>
    public double Minimum { get; init; } = double.NegativeInfinity;

    /// <summary>The largest value allowed.</summary>
    public double Maximum { get; init; } = double.PositiveInfinity;

    /// <summary>For options that are words: the words; the value is the index of the word. Null for numbers and switches.</summary>
    public IReadOnlyList<string>? Words { get; init; }

    /// <summary>True for switches: 0 is off, 1 is on.</summary>
    public bool IsSwitch { get; init; }

    /// <summary>An option with one value for the whole method.</summary>
    public static MethodParameter Global(string name, double? @default, string summary) => new(name, false, @default, summary);

    /// <summary>A switch: true is 1, false is 0.</summary>
    public static MethodParameter Switch(string name, bool @default, string summary) => new(name, false, @default ? 1 : 0, summary) { Minimum = 0, Maximum = 1, IsSwitch = true };

    /// <summary>An option that is one of some words; the first is the default.</summary>
    public static MethodParameter Choice(string name, string summary, params string[] words) =>
        new(name, false, 0, summary) { Minimum = 0, Maximum = words.Length - 1, Words = words };

    /// <summary>An option with a value for each model.</summary>
    public static MethodParameter ForModel(string name, double? @default, string summary) => new(name, true, @default, summary);
}
