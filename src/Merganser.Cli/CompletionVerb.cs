using System.CommandLine;
using System.CommandLine.Completions;

namespace Merganser.Cli;

/// <summary><c>completion</c>: scripts that let a shell complete verbs and options; they ask <c>completion words</c> as one types.</summary>
internal static class CompletionVerb
{
    public static Command Create()
    {
        var command = new Command("completion", "Print a completion script: merganser completion bash >> ~/.bashrc");
        command.Add(Script("bash", """
            _merganser() { local IFS=$'\n'; COMPREPLY=($(merganser completion words "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)); }
            complete -o default -F _merganser merganser
            """));
        command.Add(Script("zsh", """
            _merganser() { local words=("${(@f)$(merganser completion words "$BUFFER[1,CURSOR]" 2>/dev/null)}"); compadd -a words || _files; }
            compdef _merganser merganser
            """));
        command.Add(Script("fish", """
            complete -c merganser -f -a '(merganser completion words (commandline -cp))'
            """));
        command.Add(Script("pwsh", """
            Register-ArgumentCompleter -Native -CommandName merganser -ScriptBlock {
                param($word, $ast, $position)
                merganser completion words $ast.ToString().Substring(0, $position) | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
            }
            """));

        var line = new Argument<string>("line") { Description = "the command line up to the cursor" };
        var words = new Command("words", "Print the words that may come next") { line };
        words.Hidden = true;
        words.SetAction(parsed =>
        {
            string text = parsed.GetRequiredValue(line);
            int verb = text.IndexOf(' ', StringComparison.Ordinal);
            if (verb < 0)
                return;
            foreach (CompletionItem item in Program.Tree().Parse(text[(verb + 1)..]).GetCompletions(text.Length - verb - 1))
                parsed.InvocationConfiguration.Output.WriteLine(item.InsertText ?? item.Label);
        });
        command.Add(words);
        return command;
    }

    private static Command Script(string shell, string script)
    {
        var command = new Command(shell, $"Print the script for {shell}");
        command.SetAction(parsed => parsed.InvocationConfiguration.Output.WriteLine(script));
        return command;
    }
}
