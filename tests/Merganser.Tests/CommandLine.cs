using System.Diagnostics;
using Merganser.Cli;

namespace Merganser.Tests;

/// <summary>Runs the command line: in this process, or as a process of its own that can be killed.</summary>
internal static class CommandLine
{
    /// <summary>Runs a command line here and gives back what it printed.</summary>
    public static (int ExitCode, string Output, string Error) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = Program.Run(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>Starts a command line as a process.</summary>
    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(Golden.Repository, "artifacts", "bin", "Merganser.Cli", "release", "Merganser.Cli.dll"));
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    /// <summary>Runs a command line as a process to its end.</summary>
    public static (int ExitCode, string Output, string Error) RunProcess(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
