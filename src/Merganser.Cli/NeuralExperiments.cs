using System.Reflection;

namespace Merganser.Cli;

/// <summary>The experiments of the neural part, as far as a program without it knows them: their ids.</summary>
internal static class NeuralExperiments
{
    public static IReadOnlyList<string> Ids { get; } = Read();

    private static string[] Read()
    {
        using Stream list = Assembly.GetExecutingAssembly().GetManifestResourceStream("neural-experiments.txt")!;
        using var lines = new StreamReader(list);
        return lines.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
