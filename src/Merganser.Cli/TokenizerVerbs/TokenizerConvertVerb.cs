using System.CommandLine;
using Merganser.Tokenizers;

namespace Merganser.Cli;

/// <summary><c>tokenizer convert</c>: another file format with the same ids.</summary>
internal static class TokenizerConvertVerb
{
    public static Command Create()
    {
        Argument<string> source = TokenizerVerb.Source();
        var output = new Argument<string>("out") { Description = "the file to write; its name says the format: tokenizer.json, *.tiktoken, *.model, vocab.txt or vocab.json (with merges.txt beside it)" };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace an existing file" };
        var command = new Command("convert", "Write a tokenizer in another format, where nothing is lost by it") { source, output, overwrite };
        command.SetAction(parsed =>
        {
            string target = parsed.GetRequiredValue(output);
            if (File.Exists(target) && !parsed.GetValue(overwrite))
                throw new MerganserException($"{target}: exists; choose another name or replace it with --overwrite");
            TokenizerFormat format = FormatOf(target);
            Tokenizer.Load(parsed.GetRequiredValue(source)).Save(target, format);
            parsed.InvocationConfiguration.Output.WriteLine(target);
        });
        return command;
    }

    /// <summary>The format that a file's name says.</summary>
    private static TokenizerFormat FormatOf(string path)
    {
        string name = Path.GetFileName(path).ToLowerInvariant();
        return name switch
        {
            "vocab.json" => TokenizerFormat.VocabJson,
            "vocab.txt" => TokenizerFormat.VocabTxt,
            _ => Path.GetExtension(name) switch
            {
                ".tiktoken" => TokenizerFormat.Tiktoken,
                ".model" => TokenizerFormat.SentencePiece,
                ".json" => TokenizerFormat.TokenizerJson,
                _ => throw new MerganserException($"{path}: the name does not tell a format; use tokenizer.json, *.tiktoken, *.model, vocab.txt or vocab.json"),
            },
        };
    }
}
