using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Merganser.Tests.Weights.Tools;

/// <summary>Runs the commands of docs/tools.md as they stand there.</summary>
public sealed class ToolsPageTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_command_prints_what_the_page_says()
    {
        foreach (string model in Directory.GetDirectories(Golden.Folder("weights", "models"), "llama-*"))
        {
            string copy = _folder[Path.GetFileName(model)];
            Directory.CreateDirectory(copy);
            foreach (string file in Directory.GetFiles(model))
                File.WriteAllBytes(Path.Combine(copy, Path.GetFileName(file)), File.ReadAllBytes(file));
        }

        string page = File.ReadAllText(Path.Combine(Golden.Repository, "docs", "tools.md")).ReplaceLineEndings("\n");
        File.WriteAllText(_folder["moe.yml"], Regex.Match(page, "```yaml\n(base_model:.*?)```", RegexOptions.Singleline).Groups[1].Value);
        MatchCollection commands = Regex.Matches(page, "```\n\\$ merganser (.*?)\n(.*?)```", RegexOptions.Singleline);
        Assert.NotEmpty(commands);
        foreach (Match command in commands)
        {
            string output = Run(command.Groups[1].Value.Split(' '));
            Assert.Equal(WithoutTimes(command.Groups[2].Value.Trim('\n')), WithoutTimes(output.ReplaceLineEndings("\n").Trim('\n')));
        }
    }

    private static string WithoutTimes(string text) => Regex.Replace(text, @"in [0-9.]+ s \([0-9.]+ [kMG]?B/s\)", "in …");

    private string Run(string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { WorkingDirectory = _folder.Path, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(Golden.Repository, "artifacts", "bin", "Merganser.Cli", "release", "Merganser.Cli.dll"));
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.Result);
        return output;
    }
}
