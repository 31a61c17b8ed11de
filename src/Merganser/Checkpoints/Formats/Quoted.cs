using System.Globalization;
using System.Text;

namespace Merganser.Checkpoints.Formats;

/// <summary>Names from files, made fit for one line of a message.</summary>
internal static class Quoted
{
    private const int LongestShown = 200;

    /// <summary>The name in quotes, control characters escaped, cut when it is very long.</summary>
    public static string Name(string name)
    {
        var text = new StringBuilder("'");
        foreach (char c in name.AsSpan(0, Math.Min(name.Length, LongestShown)))
        {
            if (char.IsControl(c) || char.IsSurrogate(c) || c is '\u2028' or '\u2029')
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}");
            else
                text.Append(c);
        }

        return text.Append(name.Length > LongestShown ? "…'" : "'").ToString();
    }
}
