using System.Text.Json.Nodes;

namespace Merganser.Tests.Cli;

public sealed class TokenizerVerbTests : IDisposable
{
    private const string Text = "mouse peacor vom tétsaick";
    private readonly TemporaryFolder _folder = new();
    private readonly string _tokenizer;

    public TokenizerVerbTests()
    {
        _tokenizer = _folder["tokenizer.json"];
        File.WriteAllText(_tokenizer, JsonNode.Parse(File.ReadAllText(Golden.Folder("tokenizers", "train-bpe-bytelevel.json")))!["tokenizer"]!.ToJsonString());
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_encoded_is_decoded_to_the_same_text()
    {
        string ids = Run("encode", _tokenizer, Text).Trim();
        Assert.Matches(@"^\d+( \d+)+$", ids);
        Assert.Equal(Text + Environment.NewLine, Run("decode", _tokenizer, ids));
        Assert.Equal(ids.Split(' ').Length.ToString(System.Globalization.CultureInfo.InvariantCulture), Run("count", _tokenizer, Text).Trim());
        Assert.Equal(Text, Run("encode", _tokenizer, Text, "--tokens").TrimEnd().Replace("|", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Json_holds_ids_and_offsets_in_the_unit_asked_for()
    {
        JsonNode utf16 = JsonNode.Parse(Run("encode", _tokenizer, "é😀x", "--json"))!;
        JsonNode utf8 = JsonNode.Parse(Run("encode", _tokenizer, "é😀x", "--json", "--offsets", "utf8"))!;
        JsonNode points = JsonNode.Parse(Run("encode", _tokenizer, "é😀x", "--json", "--offsets", "codepoint"))!;
        Assert.Equal(4, (int)utf16["offsets"]!.AsArray()[^1]![1]!);
        Assert.Equal(7, (int)utf8["offsets"]!.AsArray()[^1]![1]!);
        Assert.Equal(3, (int)points["offsets"]!.AsArray()[^1]![1]!);
        Assert.Equal(utf16["ids"]!.AsArray().Count, utf16["tokens"]!.AsArray().Count);
    }

    [Fact]
    public void Inspect_and_compare_print_tables_documents_and_pages()
    {
        Assert.Contains("BPE", Run("inspect", _tokenizer, "--text", Text, "--html", _folder["a.html"]), StringComparison.Ordinal);
        Assert.Equal(900, (int)JsonNode.Parse(Run("inspect", _tokenizer, "--json"))!["model_tokens"]!);
        File.WriteAllText(_folder["lines.jsonl"], "{\"lang\": \"a\", \"text\": \"one two\"}\n{\"lang\": \"b\", \"text\": \"drei <b>vier</b>\"}\n");
        JsonArray scores = JsonNode.Parse(Run("compare", _tokenizer, _tokenizer, "--file", _folder["lines.jsonl"], "--json", "--html", _folder["b.html"]))!.AsArray();
        Assert.Equal(["a", "a", "b", "b"], scores.Select(score => (string)score!["text"]!));
        Assert.All(scores, score => Assert.Equal(1, (double)score!["boundary_agreement"]!));
        Assert.Contains("&lt;", File.ReadAllText(_folder["b.html"]), StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", File.ReadAllText(_folder["b.html"]), StringComparison.Ordinal);
        Assert.Contains("MB/s", Run("bench", _tokenizer, "--file", _folder["lines.jsonl"], "--runs", "1"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bpe")]
    [InlineData("unigram")]
    [InlineData("wordpiece")]
    [InlineData("wordlevel")]
    public void A_tokenizer_is_trained_saved_and_used(string model)
    {
        string file = _folder["trained.json"];
        string corpus = Golden.Folder("tokenizers", "train-corpus.txt");
        Run("train", file, corpus, "--model", model, "--vocab-size", "700");
        Assert.InRange((int)JsonNode.Parse(Run("inspect", file, "--json"))!["model_tokens"]!, 100, 700);
        string line = File.ReadLines(corpus).First(line => line.Length > 20);
        Assert.NotEmpty(Run("encode", file, line).Trim());
        Assert.Equal(1, CommandLine.Run("tokenizer", "train", file, corpus).ExitCode);
    }

    [Fact]
    public void A_converted_tokenizer_gives_the_same_ids()
    {
        Run("convert", _tokenizer, _folder["vocab.json"]);
        Assert.True(File.Exists(_folder["merges.txt"]));
        Assert.Equal(Run("encode", _tokenizer, Text), Run("encode", _folder["vocab.json"], Text));
    }

    [Theory]
    [InlineData("encode", "nowhere.json", "x")]
    [InlineData("decode", "TOKENIZER", "x1")]
    [InlineData("decode", "TOKENIZER", "-1")]
    [InlineData("compare", "TOKENIZER", "TOKENIZER")]
    [InlineData("encode", "TOKENIZER", "<|endoftext|>", "--special", "forbid")]
    [InlineData("convert", "TOKENIZER", "out.tiktoken2")]
    public void Bad_input_is_one_line(params string[] arguments)
    {
        (int code, _, string error) = CommandLine.Run(["tokenizer", .. arguments.Select(argument => argument.Replace("TOKENIZER", _tokenizer, StringComparison.Ordinal))]);
        Assert.True(code is 1 or 2);
        Assert.Matches(@"^merganser[^\n]*\n$", error.ReplaceLineEndings("\n"));
    }

    private static string Run(params string[] arguments)
    {
        (int code, string output, string error) = CommandLine.Run(["tokenizer", .. arguments]);
        Assert.True(code == 0, error);
        return output;
    }
}
