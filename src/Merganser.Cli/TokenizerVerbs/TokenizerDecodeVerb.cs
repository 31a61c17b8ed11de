using System.CommandLine;
using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary><c>tokenizer decode</c>: the text of ids.</summary>
internal static class TokenizerDecodeVerb
{
    private static readonly char[] Separators = [' ', ',', '\t', '\r', '[', ']'];

    public static Command Create()
    {
        Argument<string> source = TokenizerVerb.Source();
        var ids = new Argument<string[]>("ids") { Description = "token ids, separated by blanks or commas; without them each line of standard input is decoded", Arity = ArgumentArity.ZeroOrMore };
        var special = new Option<bool>("--keep-special") { Description = "print special tokens too" };
        var command = new Command("decode", "Turn token ids into text") { source, ids, special };
        command.SetAction(parsed =>
        {
            Tokenizer tokenizer = Tokenizer.Load(parsed.GetRequiredValue(source));
            TextWriter output = parsed.InvocationConfiguration.Output;
            string[] given = parsed.GetValue(ids) ?? [];
            IEnumerable<string> lines = given.Length > 0 ? [string.Join(' ', given)] : TextInput.SplitLines(Console.In.ReadToEnd());
            foreach (string line in lines)
                output.WriteLine(tokenizer.Decode(Parse(line), skipSpecialTokens: !parsed.GetValue(special)));
        });
        return command;
    }

    private static int[] Parse(string line) =>
    [
        .. line.Split(Separators, StringSplitOptions.RemoveEmptyEntries).Select(word =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? id : throw new MerganserException($"'{word}' is no token id; ids are whole numbers from 0")),
    ];
}
