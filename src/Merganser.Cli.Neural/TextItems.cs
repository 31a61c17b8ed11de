using System.Globalization;
using Merganser.Neural.Training.Data;

namespace Merganser.Cli.Neural;

/// <summary>Texts of the command line: literal ones; files with a text a line, labelled or not; standard input where neither is given.</summary>
internal static class TextItems
{
    public static List<InputItem<string>> Find(IReadOnlyList<string> inputs, IReadOnlyList<string> literal)
    {
        var items = new List<InputItem<string>>();
        foreach (string text in literal)
            items.Add(new InputItem<string>(text, null, () => text));
        foreach (string input in inputs)
        {
            if (input == "-")
            {
                AddStandardInput(items);
                continue;
            }

            if (!File.Exists(input))
                throw new MerganserException($"{input}: there is no such file; a text itself is given with --text");
            if (Path.GetExtension(input).ToLowerInvariant() is ".tsv" or ".jsonl" or ".gz")
                Add(items, input, TextExamples.Read(input));
            else
                Add(items, input, TextInput.SplitLines(TextInput.ReadFile(input)).Select(line => new TextExample(line, null)));
        }

        if (inputs.Count == 0 && literal.Count == 0)
            AddStandardInput(items);
        return items.Count > 0 ? items : throw new MerganserException("there are no texts: name files with a text a line, or give --text");
    }

    private static void AddStandardInput(List<InputItem<string>> items) => Add(items, "", TextInput.SplitLines(Console.In.ReadToEnd()).Select(line => new TextExample(line, null)));

    private static void Add(List<InputItem<string>> items, string file, IEnumerable<TextExample> examples)
    {
        int number = 0;
        foreach (TextExample example in examples)
        {
            number++;
            items.Add(new InputItem<string>(file.Length == 0 ? number.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{file}:{number}"), example.Label, () => example.Text));
        }
    }
}
