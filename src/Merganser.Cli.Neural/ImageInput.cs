using System.Globalization;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Training.Data;

namespace Merganser.Cli.Neural;

/// <summary>Pictures of the command line: files; folders of files; folders with a folder per class; folders of IDX files.</summary>
internal static class ImageInput
{
    public static List<InputItem<Picture>> Find(IReadOnlyList<string> inputs)
    {
        var items = new List<InputItem<Picture>>();
        foreach (string input in inputs)
        {
            if (input == "-")
                items.Add(new InputItem<Picture>("-", null, ReadStandardInput));
            else if (File.Exists(input))
                items.Add(new InputItem<Picture>(input, null, () => Picture.Read(input)));
            else if (Directory.Exists(input))
                AddFolder(items, input);
            else
                throw new MerganserException($"{input}: there is no such picture or folder");
        }

        return items.Count > 0 ? items : throw new MerganserException("there are no pictures: name files or folders, or - for standard input");
    }

    private static Picture ReadStandardInput()
    {
        using Stream input = Console.OpenStandardInput();
        return Picture.Read(input, "standard input");
    }

    private static void AddFolder(List<InputItem<Picture>> items, string folder)
    {
        foreach (string part in (ReadOnlySpan<string>)["test", "t10k", "train"])
        {
            if (!ImageSet.HasUbyte(folder, part))
                continue;
            AddSet(items, folder, part, ImageSet.ReadUbyte(folder, part));
            return;
        }

        int before = items.Count;
        foreach (string file in Pictures(folder))
            items.Add(new InputItem<Picture>(file, null, () => Picture.Read(file)));
        foreach (string inner in Directory.EnumerateDirectories(folder).Order(StringComparer.Ordinal))
        {
            string label = Path.GetFileName(inner);
            foreach (string file in Pictures(inner))
                items.Add(new InputItem<Picture>(file, label, () => Picture.Read(file)));
        }

        if (items.Count == before)
            throw new MerganserException($"{folder}: holds no pictures ({string.Join(", ", Picture.Endings)}), neither itself nor in folders named after classes");
    }

    private static void AddSet(List<InputItem<Picture>> items, string folder, string part, ImageSet set)
    {
        int size = set.Height * set.Width;
        for (int i = 0; i < set.Count; i++)
        {
            int place = i;
            items.Add(new InputItem<Picture>(string.Create(CultureInfo.InvariantCulture, $"{folder}/{part}/{i}"), set.Labels[i].ToString(CultureInfo.InvariantCulture),
                () => new Picture(set.Height, set.Width, 1, set.Pixels.AsSpan(place * size, size).ToArray())));
        }
    }

    private static IEnumerable<string> Pictures(string folder) =>
        Directory.EnumerateFiles(folder).Where(file => Picture.Endings.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal);
}
