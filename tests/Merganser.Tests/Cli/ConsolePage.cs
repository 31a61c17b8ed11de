using System.Diagnostics;
using System.Text;

namespace Merganser.Tests.Cli;

/// <summary>
/// Runs what a page shows. Between a fence such as <c>```console</c> and its end a line <c>$ ./merganser …</c> is run as a process in a folder with
/// copies of <c>models/</c> and <c>examples/</c>, and what it prints must be the lines below it. <c>…</c> in a line stands for
/// anything (times and rates), a line that is only <c>…</c> for any number of lines. <c>*</c> in an argument is expanded
/// as a shell does.
/// </summary>
internal static class ConsolePage
{
    /// <summary>The pages of the repository that have such a fence.</summary>
    public static TheoryData<string> With(string fence) =>
        [.. Directory.GetFiles(Path.Combine(Golden.Repository, "docs"), "*.md").Append(Path.Combine(Golden.Repository, "README.md"))
            .Where(page => File.ReadAllLines(page).Contains(fence)).Select(page => Path.GetRelativePath(Golden.Repository, page)).Order(StringComparer.Ordinal)];

    /// <summary>Runs every command of a page by a program, a .dll.</summary>
    public static void Run(string page, string fence, string program)
    {
        using var folder = new TempFolder();
        CopyFolder(Path.Combine(Golden.Repository, "models"), folder["models"]);
        CopyFolder(Path.Combine(Golden.Repository, "examples"), folder["examples"]);
        int commands = 0;
        foreach ((string command, List<string> expected) in Commands(File.ReadAllLines(Path.Combine(Golden.Repository, page)), fence))
        {
            commands++;
            string[] arguments = [.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).SelectMany(argument => Expand(folder.Path, argument))];
            (int code, string output) = RunIn(folder.Path, program, arguments);
            Assert.True(code == 0, $"$ {command}\nexit code {code}\n{output}");
            string[] actual = output.Length == 0 ? [] : output.TrimEnd('\n').Split('\n');
            Assert.True(Match([.. expected], actual), $"$ {command}\nthe page says\n{string.Join('\n', expected)}\nbut it prints\n{output}");
        }

        Assert.True(commands > 0, $"{page} shows no command");
    }

    private static IEnumerable<(string Command, List<string> Expected)> Commands(string[] lines, string fence)
    {
        bool inside = false;
        (string Command, List<string> Expected)? current = null;
        foreach (string line in lines)
        {
            bool isFence = line.StartsWith("```", StringComparison.Ordinal);
            if ((isFence || line.StartsWith("$ ", StringComparison.Ordinal)) && current is { } done)
            {
                yield return done;
                current = null;
            }

            if (isFence)
                inside = line == fence;
            else if (inside && line.StartsWith("$ ./merganser ", StringComparison.Ordinal))
                current = (line[2..], []);
            else
                current?.Expected.Add(line.TrimEnd());
        }
    }

    private static IEnumerable<string> Expand(string folder, string argument)
    {
        if (!Path.GetFileName(argument).Contains('*'))
            return [argument];
        string parent = Path.GetDirectoryName(argument)!;
        return Directory.GetFileSystemEntries(Path.Combine(folder, parent), Path.GetFileName(argument))
            .Select(path => Path.Combine(parent, Path.GetFileName(path))).Order(StringComparer.Ordinal);
    }

    public static bool Match(ReadOnlySpan<string> expected, ReadOnlySpan<string> actual)
    {
        if (expected.IsEmpty)
            return actual.IsEmpty;
        if (expected[0] == "…")
        {
            for (int skipped = 0; skipped <= actual.Length; skipped++)
            {
                if (Match(expected[1..], actual[skipped..]))
                    return true;
            }

            return false;
        }

        return !actual.IsEmpty && MatchLine(expected[0].Split('…'), actual[0].TrimEnd()) && Match(expected[1..], actual[1..]);
    }

    /// <summary>The parts must occur in order, the first at the start and the last at the end.</summary>
    private static bool MatchLine(string[] parts, string line)
    {
        if (parts.Length == 1)
            return line == parts[0];
        if (!line.StartsWith(parts[0], StringComparison.Ordinal))
            return false;
        int at = parts[0].Length;
        foreach (string part in parts[1..^1])
        {
            int found = line.IndexOf(part, at, StringComparison.Ordinal);
            if (found < 0)
                return false;
            at = found + part.Length;
        }

        return line.Length - at >= parts[^1].Length && line.EndsWith(parts[^1], StringComparison.Ordinal);
    }

    private static (int ExitCode, string Output) RunIn(string folder, string program, string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [program, .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
        };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd().ReplaceLineEndings("\n");
        process.WaitForExit();
        return (process.ExitCode, process.ExitCode == 0 ? output : output + error.Result);
    }

    private static void CopyFolder(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
