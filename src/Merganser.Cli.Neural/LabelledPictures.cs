using System.Globalization;
using Merganser.Neural.Models.Processing;

namespace Merganser.Cli.Neural;

/// <summary>Pictures whose classes are among a model's.</summary>
internal static class LabelledPictures
{
    /// <summary>Those with a class, by the name or by the number of the class.</summary>
    /// <exception cref="MerganserException">There are none.</exception>
    public static (InputItem<Picture> Item, int Label)[] Known(IReadOnlyList<InputItem<Picture>> items, IReadOnlyList<string> names, TextWriter error)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < names.Count; i++)
            places.TryAdd(names[i], i);
        int Place(string? label) => label is null ? -1
            : places.TryGetValue(label, out int place) || (int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out place) && place < names.Count) ? place : -1;
        (InputItem<Picture> Item, int Label)[] known = [.. items.Select(item => (item, Place(item.Label))).Where(pair => pair.Item2 >= 0)];
        if (known.Length == 0)
            throw new MerganserException("no picture has a class that is one of the model's: give folders with a folder per class");
        if (known.Length < items.Count)
            error.WriteLine($"{items.Count - known.Length} of {items.Count} pictures have no class of the model's and are left out");
        return known;
    }
}
