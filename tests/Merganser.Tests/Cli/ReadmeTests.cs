using System.Diagnostics;
using System.Text;
using Merganser.Cli;

namespace Merganser.Tests.Cli;

/// <summary>
/// The README and the pages in docs/ show real runs. In their <c>```console</c> blocks a line <c>$ ./merganser …</c> is run as a process in a folder with
/// copies of <c>models/</c> and <c>examples/</c>, and what it prints must be the lines below it. <c>…</c> in a line stands for
/// anything (times and rates), a line that is only <c>…</c> for any number of lines. <c>*</c> in an argument is expanded
/// as a shell does.
/// </summary>
public sealed class ReadmeTests
{
    private static readonly string Readme = Path.Combine(Golden.Repository, "README.md");

    public static TheoryData<string> Pages() =>
        [.. Directory.GetFiles(Path.Combine(Golden.Repository, "docs"), "*.md").Append(Readme)
            .Where(page => File.ReadAllLines(page).Contains("```console")).Select(page => Path.GetRelativePath(Golden.Repository, page)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_command_of_a_page_prints_what_the_page_says(string page)
    {
        using var folder = new TempFolder();
        CopyFolder(Path.Combine(Golden.Repository, "models"), folder["models"]);
        CopyFolder(Path.Combine(Golden.Repository, "examples"), folder["examples"]);
        int commands = 0;
        foreach ((string command, List<string> expected) in Commands(File.ReadAllLines(Path.Combine(Golden.Repository, page))))
        {
            commands++;
            string[] arguments = [.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).SelectMany(argument => Expand(folder.Path, argument))];
            (int code, string output) = RunIn(folder.Path, arguments);
            Assert.True(code == 0, $"$ {command}\nexit code {code}\n{output}");
            string[] actual = output.Length == 0 ? [] : output.TrimEnd('\n').Split('\n');
            Assert.True(Match([.. expected], actual), $"$ {command}\nthe page says\n{string.Join('\n', expected)}\nbut it prints\n{output}");
        }

        Assert.True(commands > 0, $"{page} shows no command");
    }

    [Fact]
    public void The_table_of_methods_is_that_of_the_registry()
    {
        string[] lines = File.ReadAllLines(Readme);
        int start = Array.IndexOf(lines, "<!-- methods -->"), end = Array.IndexOf(lines, "<!-- /methods -->");
        Assert.True(start >= 0 && end > start, "the README has no table between <!-- methods --> and <!-- /methods -->");
        using var table = new StringWriter { NewLine = "\n" };
        MethodsVerb.PrintMarkdown(table);
        string shown = string.Join('\n', lines[(start + 1)..end]) + "\n";
        Assert.True(shown == table.ToString(), $"put the output of 'merganser methods --markdown' between the two marks; it is\n{table}");
    }

    [Theory]
    [InlineData("a b", "a b", true)]
    [InlineData("a … c", "a 12 c", true)]
    [InlineData("a … c", "a 12 d", false)]
    [InlineData("…s", "0.1 s", true)]
    [InlineData("a\n…\nz", "a\nz", true)]
    [InlineData("a\n…\nz", "a\nb\nc\nz", true)]
    [InlineData("a\n…\nz", "a\nb\nc", false)]
    [InlineData("a", "a\nb", false)]
    public void An_ellipsis_stands_for_anything_and_nothing_else_does(string expected, string actual, bool matches) =>
        Assert.Equal(matches, Match(expected.Split('\n'), actual.Split('\n')));

    private static IEnumerable<(string Command, List<string> Expected)> Commands(string[] lines)
    {
        bool inside = false;
        (string Command, List<string> Expected)? current = null;
        foreach (string line in lines)
        {
            bool fence = line.StartsWith("```", StringComparison.Ordinal);
            if ((fence || line.StartsWith("$ ", StringComparison.Ordinal)) && current is { } done)
            {
                yield return done;
                current = null;
            }

            if (fence)
                inside = line == "```console";
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

    private static bool Match(ReadOnlySpan<string> expected, ReadOnlySpan<string> actual)
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

    private static (int ExitCode, string Output) RunIn(string folder, string[] arguments)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "Merganser.Cli.dll");
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
