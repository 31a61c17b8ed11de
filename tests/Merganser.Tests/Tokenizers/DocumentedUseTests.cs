using System.Runtime.CompilerServices;
using Merganser.Tokenizers;
using Encoding = Merganser.Tokenizers.Encoding;

namespace Merganser.Tests.Tokenizers;

/// <summary>The program of docs/tokenizers.md: it compiles, it stands there as it stands here, and it does what it says.</summary>
public sealed class DocumentedUseTests
{
    [Fact]
    public void The_program_on_the_page_is_the_one_that_is_compiled_here()
    {
        string page = File.ReadAllText(Path.Combine(Golden.Repository, "docs", "tokenizers.md")).ReplaceLineEndings("\n");
        string[] documented = Lines(Between(page, "```csharp\n", "```"));
        string[] compiled = Lines(Between(File.ReadAllText(SourceFile()).ReplaceLineEndings("\n"), "// The page begins here.\n", "// The page ends here.\n"));
        Assert.Equal(documented.Select(line => line.Replace("\"model/\"", "folder", StringComparison.Ordinal)), compiled.Select(line => line.Replace("written.Write", "Console.Write", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_program_on_the_page_gives_the_text_back()
    {
        using var place = new TemporaryFolder();
        TrainedGoldenTests.LoadMember("train-bpe-bytelevel.json").Save(place["tokenizer.json"]);
        string folder = Path.GetDirectoryName(place["tokenizer.json"])!;
        using var written = new StringWriter();
        // The page begins here.
        Tokenizer tokenizer = Tokenizer.Load(folder);
        int[] ids = tokenizer.EncodeToIds("Hello world");
        Encoding encoding = tokenizer.Encode("Hello world");     // ids, offsets, types, masks, word ids
        int count = tokenizer.CountTokens("Hello world");
        string text = tokenizer.Decode(ids);
        StreamingDecoder decoder = tokenizer.CreateStreamingDecoder();
        foreach (int id in ids)
            written.Write(decoder.Append(id));                   // never half a character
        written.Write(decoder.Flush());
        // The page ends here.
        Assert.Equal("Hello world", text);
        Assert.Equal(text, written.ToString());
        Assert.Equal(ids, encoding.Ids);
        Assert.Equal(ids.Length, count);
    }

    private static string SourceFile([CallerFilePath] string path = "") =>
        File.Exists(path) ? path : Path.Combine(Golden.Repository, "tests", "Merganser.Tests", "Tokenizers", nameof(DocumentedUseTests) + ".cs");

    private static string Between(string text, string from, string to)
    {
        int start = text.IndexOf(from, StringComparison.Ordinal) + from.Length;
        return text[start..text.IndexOf(to, start, StringComparison.Ordinal)];
    }

    /// <summary>Lines without what is only layout: indentation and the blanks before a remark.</summary>
    private static string[] Lines(string text) =>
        [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
}
