using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary>Prints a text cut into its tokens: colours in turn in a terminal, bars between the tokens elsewhere.</summary>
internal static class TokenPrinter
{
    private static readonly int[] Backgrounds = [153, 223, 157, 218, 229];

    public static void Print(TextWriter output, string text, Tokenizers.Encoding encoding)
    {
        bool colours = !Console.IsOutputRedirected && ReferenceEquals(output, Console.Out) && Environment.GetEnvironmentVariable("NO_COLOR") is not { Length: > 0 };
        bool first = true;
        foreach (TokenPiece piece in TokenPiece.Cut(text, encoding))
        {
            if (colours && piece.Colour >= 0)
            {
                // Escape codes inside the text would reach the terminal; nothing below a blank but line ends and tabs is printed.
                output.Write(string.Create(CultureInfo.InvariantCulture, $"\e[30;48;5;{Backgrounds[piece.Colour]}m{Clean(piece.Text)}\e[0m"));
                continue;
            }

            if (!colours && !first)
                output.Write('|');
            output.Write(Clean(piece.Text));
            first = false;
        }

        output.WriteLine();
    }

    private static string Clean(string text) =>
        text.Any(c => char.IsControl(c) && c is not ('\n' or '\t')) ? string.Concat(text.Select(c => char.IsControl(c) && c is not ('\n' or '\t') ? '\uFFFD' : c)) : text;
}
