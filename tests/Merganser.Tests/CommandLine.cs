using System.Diagnostics;

namespace Merganser.Tests;

/// <summary>Runs the command line: in this process, or as a process of its own that can be killed.</summary>
internal static class CommandLine
{
    /// <summary>Runs a command line here and gives back what it printed.</summary>
    public static (int ExitCode, string Output, string Error) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = Merganser.Cli.Program.Run(arguments, output, error);
        return (code, output.ToString(), error.ToString());
    }

    /// <summary>Starts a command line as a process.</summary>
    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(Launched());
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    /// <summary>Runs a command line as a process to its end.</summary>
    public static (int ExitCode, string Output, string Error) RunProcess(params string[] arguments)
    {
        using Process process = Start(arguments);
        return Finish(process);
    }

    /// <summary>Runs a command line in a shell that lets no file grow beyond so many kilobytes: writing fails in the middle, as on a full disk.</summary>
    public static (int ExitCode, string Output, string Error) RunLimited(int kilobytes, params string[] arguments)
    {
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0"; // The runtime would map its code through a file that counts too.
        foreach (string argument in (string[])["-c", $"ulimit -f {kilobytes}; exec dotnet \"$0\" \"$@\"", Launched(), .. arguments])
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        return Finish(process);
    }

    private static string Launched() => Path.Combine(Golden.Repository, "artifacts", "bin", "Merganser.Cli", "release", "Merganser.Cli.dll");

    private static (int ExitCode, string Output, string Error) Finish(Process process)
    {
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
