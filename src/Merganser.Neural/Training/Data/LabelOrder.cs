using System.Globalization;

namespace Merganser.Neural.Training.Data;

/// <summary>The order of classes: numbers by size, then names.</summary>
internal static class LabelOrder
{
    public static string[] Of(IEnumerable<string> labels) =>
    [
        .. labels.Distinct(StringComparer.Ordinal)
            .OrderBy(label => int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : int.MaxValue)
            .ThenBy(label => label, StringComparer.Ordinal),
    ];
}
