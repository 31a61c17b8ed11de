namespace Merganser.Tokenizers;

/// <summary>What text is searched for: a literal string or a regular expression.</summary>
/// <remarks>Immutable and shared between threads.</remarks>
public sealed class SplitPattern
{
    private SplitPattern(string text, bool isRegex)
    {
        Text = text;
        IsRegex = isRegex;
    }

    /// <summary>The string or the regular expression.</summary>
    public string Text { get; }

    /// <summary>Whether <see cref="Text"/> is a regular expression.</summary>
    public bool IsRegex { get; }

    /// <summary>A pattern that matches a string as it is; the empty string matches nowhere.</summary>
    public static SplitPattern Literal(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new SplitPattern(text, false);
    }

    /// <summary>A regular expression.</summary>
    /// <exception cref="MerganserException">The expression uses something that is not supported or is too large.</exception>
    public static SplitPattern Regex(string expression)
    {
        ArgumentNullException.ThrowIfNull(expression);
        return new SplitPattern(expression, true);
    }
}
