using System.CommandLine;

namespace Merganser.Cli;

/// <summary>Text from the command line, from files, or from standard input when neither is given.</summary>
internal sealed class TextInput
{
    private const long LargestFile = 1L << 30;

    public Argument<string[]> Words { get; } = new("text") { Description = "the text; without text and --file it is read from standard input", Arity = ArgumentArity.ZeroOrMore };

    public Option<string[]> Files { get; } = new("--file", "-f") { Description = "read the text from this file; may be given several times" };

    public Option<bool> Lines { get; } = new("--lines") { Description = "each line is a text of its own" };

    /// <summary>The texts with their names: a file's name, or an empty one.</summary>
    public IEnumerable<(string Name, string Text)> Read(ParseResult parsed)
    {
        string[] files = parsed.GetValue(Files) ?? [];
        string[] words = parsed.GetValue(Words) ?? [];
        if (files.Length > 0 && words.Length > 0)
            throw new MerganserException("give either a text or --file, not both");
        IEnumerable<(string, string)> texts = files.Length > 0
            ? files.Select(file => (file, ReadFile(file)))
            : [("", words.Length > 0 ? string.Join(' ', words) : Console.In.ReadToEnd())];
        return parsed.GetValue(Lines) ? texts.SelectMany(text => SplitLines(text.Item2).Select(line => (text.Item1, line))) : texts;
    }

    /// <summary>A whole file as text; bytes that are no UTF-8 become U+FFFD.</summary>
    public static string ReadFile(string path)
    {
        try
        {
            var file = new FileInfo(path);
            if (file.Exists && file.Length > LargestFile)
                throw new MerganserException($"{path}: is larger than 1 GiB; cut it into smaller files");
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>Lines without their ends; nothing after a last line end.</summary>
    public static IEnumerable<string> SplitLines(string text)
    {
        using var reader = new StringReader(text);
        while (reader.ReadLine() is { } line)
            yield return line;
    }
}
