using System.CommandLine;

namespace Merganser.Cli;

/// <summary>Builds the command tree from the verbs, runs it and turns failures into one line and an exit code.</summary>
internal static class Program
{
    private static int Main(string[] args) => Run(args, Console.Out, Console.Error);

    /// <summary>Runs a command line: 0 when it worked, 1 when an input cannot be used, 2 when the command line is wrong.</summary>
    internal static int Run(string[] args, TextWriter output, TextWriter error)
    {
        var debug = new Option<bool>("--debug") { Description = "show the stack trace of an error", Recursive = true };
        var root = new RootCommand("Merganser merges what can be merged in a transformer stack.") { debug };
        foreach (Func<Command> verb in Verbs.All)
            root.Add(verb());

        ParseResult parsed = root.Parse(args);
        var invocation = new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false };
        if (parsed.Errors.Count > 0)
        {
            parsed.Invoke(invocation);
            return 2;
        }

        try
        {
            return parsed.Invoke(invocation);
        }
        catch (MerganserException e)
        {
            error.WriteLine(parsed.GetValue(debug) ? e.ToString() : $"merganser: {e.Message}");
            return 1;
        }
        catch (OperationCanceledException)
        {
            error.WriteLine("merganser: cancelled");
            return 130;
        }
    }
}
