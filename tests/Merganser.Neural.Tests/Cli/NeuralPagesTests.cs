using System.Diagnostics;
using Merganser.Tests;

namespace Merganser.Neural.Tests.Cli;

/// <summary>
/// The pages in docs/ show real runs of verbs that compute with models: in their <c>```shell-session</c> blocks a line <c>$ ./merganser …</c> is run
/// as a process in a folder with a copy of <c>models/</c>, and what it prints on standard output must be the lines below it. <c>…</c> in a line
/// stands for anything (times and rates).
/// </summary>
public sealed class NeuralPagesTests
{
    private const string Fence = "```shell-session", Prompt = "$ ./merganser ";

    public static TheoryData<string> Pages() =>
        [.. Directory.GetFiles(Path.Combine(Golden.Repository, "docs"), "*.md").Where(page => File.ReadAllLines(page).Contains(Fence)).Select(page => Path.GetRelativePath(Golden.Repository, page)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_command_of_a_page_prints_what_the_page_says(string page)
    {
        using var folder = new TempFolder();
        Copy(Path.Combine(Golden.Repository, "models"), folder["models"]);
        foreach ((string command, List<string> expected) in Commands(File.ReadAllLines(Path.Combine(Golden.Repository, page))))
        {
            (int code, string output, string error) = Run(folder.Path, command[Prompt.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries));
            Assert.True(code == 0, $"{command}\nexit code {code}\n{error}");
            string[] actual = output.TrimEnd('\n').Split('\n');
            Assert.True(expected.Count == actual.Length && expected.Zip(actual).All(pair => Matches(pair.First.Split('…'), pair.Second.TrimEnd())), $"{command}\nthe page says\n{string.Join('\n', expected)}\nbut it prints\n{output}");
        }
    }

    private static IEnumerable<(string Command, List<string> Expected)> Commands(string[] lines)
    {
        List<string>? expected = null;
        string command = "";
        bool inside = false;
        foreach (string line in lines)
        {
            bool fence = line.StartsWith("```", StringComparison.Ordinal), prompt = inside && line.StartsWith(Prompt, StringComparison.Ordinal);
            if ((fence || prompt) && expected is not null)
            {
                yield return (command, expected);
                expected = null;
            }

            if (fence)
                inside = line == Fence;
            else if (prompt)
                (command, expected) = (line, []);
            else
                expected?.Add(line.TrimEnd());
        }
    }

    /// <summary>The parts occur in order, the first at the start and the last at the end.</summary>
    private static bool Matches(string[] parts, string line)
    {
        if (parts.Length == 1)
            return line == parts[0];
        if (!line.StartsWith(parts[0], StringComparison.Ordinal) || !line.EndsWith(parts[^1], StringComparison.Ordinal) || line.Length < parts[0].Length + parts[^1].Length)
            return false;
        int at = parts[0].Length;
        foreach (string part in parts[1..^1])
        {
            int found = line.IndexOf(part, at, StringComparison.Ordinal);
            if (found < 0)
                return false;
            at = found + part.Length;
        }

        return at <= line.Length - parts[^1].Length;
    }

    private static (int Code, string Output, string Error) Run(string folder, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Merganser.Cli.Neural.dll"), .. arguments]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    private static void Copy(string from, string to)
    {
        foreach (string path in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, path));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(path, target);
        }
    }
}
