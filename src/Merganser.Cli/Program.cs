using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Merganser.Weights.Recipes;

namespace Merganser.Cli;

/// <summary>Builds the command tree from the verbs, runs it and turns failures into one line and an exit code.</summary>
internal static class Program
{
    /// <summary>The signal of a file that grows beyond a limit of the shell; handled, so that the write fails with an error that can be told.</summary>
    private const PosixSignal FileSizeLimit = (PosixSignal)25;

    private static int Main(string[] args)
    {
        using PosixSignalRegistration? limit = OperatingSystem.IsLinux() ? PosixSignalRegistration.Create(FileSizeLimit, static signal => signal.Cancel = true) : null;
        return Run(args, Console.Out, Console.Error);
    }

    /// <summary>Runs a command line: 0 when it worked, 1 when an input cannot be used, 2 when the command line is wrong, 130 when it was stopped.</summary>
    internal static int Run(string[] args, TextWriter output, TextWriter error, IReadOnlyList<Func<Command>>? neural = null)
    {
        var debug = new Option<bool>("--debug") { Description = "show the stack trace of an error", Recursive = true };
        Command root = Tree(debug, neural);
        ParseResult parsed = root.Parse(args.Length == 0 ? ["--help"] : args);
        if (parsed.Errors.Count > 0 && parsed.Action is not HelpWithExamples)
        {
            error.WriteLine($"{Path(parsed.CommandResult)}: {Message(parsed)} (see '{Path(parsed.CommandResult)} --help')");
            return 2;
        }

        try
        {
            return parsed.Invoke(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
        }
        catch (MerganserException e)
        {
            error.WriteLine(parsed.GetValue(debug) ? e.ToString() : $"merganser: {e.Message}");
            return 1;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            error.WriteLine(parsed.GetValue(debug) ? e.ToString() : $"merganser: {e.Message.ReplaceLineEndings(" ")}");
            return 1;
        }
        catch (ExternalException e)
        {
            // An error of the native library: its first line says what, the rest is its stack.
            error.WriteLine(parsed.GetValue(debug) ? e.ToString() : $"merganser: libtorch: {e.Message.Split('\n')[0].TrimEnd()}");
            return 1;
        }
        catch (OperationCanceledException)
        {
            error.WriteLine("merganser: stopped");
            return 130;
        }
    }

    /// <summary>The whole command tree; verbs of the neural part that are not there are named all the same.</summary>
    internal static Command Tree(Option<bool>? debug = null, IReadOnlyList<Func<Command>>? neural = null)
    {
        var root = new Command("merganser", "Merges what can be merged in a transformer stack: checkpoints today.") { new HelpOption { Recursive = true, Action = new HelpWithExamples() }, new VersionOption() };
        if (debug is not null)
            root.Add(debug);
        // The neural part may have a fuller verb of the same name, with its own experiments for instance.
        Command[] present = [.. (neural ?? []).Select(verb => verb())];
        foreach (Command verb in Verbs.All.Select(verb => verb()).Where(verb => present.All(other => other.Name != verb.Name)))
            root.Add(verb);
        foreach (Command verb in present.Concat(NeuralStubs.Missing([.. present.Select(verb => verb.Name)])))
            root.Add(verb);
        return root;
    }

    /// <summary>"merganser lora extract".</summary>
    private static string Path(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{Path(parent)} {command.Command.Name}" : command.Command.Name;

    /// <summary>What is wrong, on one line, with the nearest word when one was mistyped.</summary>
    private static string Message(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        if (parsed.UnmatchedTokens.Count == 0)
            return parsed.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.');
        string word = parsed.UnmatchedTokens[0];
        IEnumerable<string> known = word.StartsWith('-')
            ? command.Options.Where(option => !option.Hidden).SelectMany(option => option.Aliases.Append(option.Name))
            : command.Subcommands.Select(verb => verb.Name);
        string kind = word.StartsWith('-') ? "option" : command.Subcommands.Count > 0 ? "verb" : "argument";
        string hint = NearestName.Find(word, known) is { } nearest ? $"; did you mean '{nearest}'?" : "";
        return $"unknown {kind} {NearestName.Quote(word)}{hint}";
    }
}
