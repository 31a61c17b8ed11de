using System.Reflection;

namespace Merganser.Experiments;

/// <summary>A system of the literature that this project has or is to have.</summary>
/// <param name="Id">Its word; experiments have the same.</param>
/// <param name="Title">Its name.</param>
/// <param name="Room">Where it belongs: weights, tokenizers, tokens, caching, decoding, diffusion, models, records.</param>
/// <param name="Status"><c>ready</c>: there is a command; <c>library</c>: classes without a command yet; <c>planned</c>: not there.</param>
/// <param name="Paper">The paper.</param>
/// <param name="Command">How it is used; empty unless it is ready.</param>
public sealed record SystemEntry(string Id, string Title, string Room, string Status, string Paper, string Command);

/// <summary>The catalogue of all systems, from <c>systems.tsv</c>.</summary>
public static class SystemCatalogue
{
    /// <summary>All systems, in the order of the file.</summary>
    public static IReadOnlyList<SystemEntry> All { get; } = Read();

    private static List<SystemEntry> Read()
    {
        using Stream file = Assembly.GetExecutingAssembly().GetManifestResourceStream("systems.tsv")!;
        using var lines = new StreamReader(file);
        var entries = new List<SystemEntry>();
        while (lines.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            string[] cells = line.Split('\t');
            entries.Add(new SystemEntry(cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]));
        }

        return entries;
    }
}
