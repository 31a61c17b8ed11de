using System.Text;
using System.Text.Json.Nodes;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Real tokenizers against the reference implementation, text by text, on both roads.</summary>
public sealed class CoreGoldenTests
{
    public static TheoryData<string> Cases => GoldenVocabularies.Files("core-", "tokenizer");

    public static TheoryData<string> TiktokenCases => GoldenVocabularies.Files("core-", "tiktoken");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Ids_offsets_and_words_are_those_of_the_reference(string file)
    {
        JsonObject golden = GoldenVocabularies.Read(file);
        Tokenizer tokenizer = GoldenVocabularies.Load(GoldenVocabularies.PathOf(golden));
        Assert.Equal((int)golden["vocab_size"]!, tokenizer.VocabularySize);
        Tokenizer stepped = tokenizer.StepByStep();
        Assert.False(stepped.IsFused);
        List<string> differences = [];
        JsonArray rows = golden["rows"]!.AsArray();
        for (int i = 0; i < rows.Count; i++)
        {
            var text = (string)GoldenVocabularies.Texts[i]!;
            JsonObject row = rows[i]!.AsObject();
            foreach ((bool special, bool steps) in ((bool, bool)[])[(false, false), (false, true), (true, false), (true, true)])
            {
                string suffix = special ? "_special" : "";
                if (row["ids" + suffix] is not { } ids)
                    continue;
                Merganser.Tokenizers.Encoding encoding = (steps ? stepped : tokenizer).Encode(text, options: new EncodeOptions { AddSpecialTokens = special, OffsetUnit = OffsetUnit.CodePoint });
                Compare(differences, $"row {i} ids{suffix}", GoldenVocabularies.Ints(ids), encoding.Ids);
                Compare(differences, $"row {i} off{suffix}", GoldenVocabularies.Ints(row["off" + suffix]!), Flat(encoding.Offsets));
                if (!special && row["word_ids"] is { } words)
                    Compare(differences, $"row {i} word_ids", GoldenVocabularies.Ints(words), [.. encoding.WordIds.Select(word => word ?? -1)]);
                Compare(differences, $"row {i} EncodeToIds{suffix}", GoldenVocabularies.Ints(ids), tokenizer.EncodeToIds(text, special));
                Compare(differences, $"row {i} CountTokens{suffix}", [encoding.Count], [tokenizer.CountTokens(text, special)]);
            }

            CompareRoads(differences, i, tokenizer, text);
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(20)));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Decoding_is_that_of_the_reference(string file)
    {
        JsonObject golden = GoldenVocabularies.Read(file);
        Tokenizer tokenizer = GoldenVocabularies.Load(GoldenVocabularies.PathOf(golden));
        List<string> differences = [];
        JsonArray rows = golden["rows"]!.AsArray();
        for (int i = 0; i < rows.Count; i++)
        {
            JsonNode decoded = rows[i]!["dec"]!;
            string expected = decoded.GetValueKind() == System.Text.Json.JsonValueKind.True ? (string)GoldenVocabularies.Texts[i]! : (string)decoded!;
            int[] ids = GoldenVocabularies.Ints(rows[i]!["ids"]!);
            string found = tokenizer.Decode(ids, skipSpecialTokens: false);
            if (found != expected)
                differences.Add($"row {i}: expected {Show(expected)} found {Show(found)}");
            StreamingDecoder stream = tokenizer.CreateStreamingDecoder(skipSpecialTokens: false);
            var text = new StringBuilder();
            foreach (int id in ids)
                text.Append(stream.Append(id));
            text.Append(stream.Flush());
            if (text.ToString() != expected)
                differences.Add($"row {i} streamed: expected {Show(expected)} found {Show(text.ToString())}");
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(20)));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pairs_are_those_of_the_reference(string file)
    {
        JsonObject golden = GoldenVocabularies.Read(file);
        Tokenizer tokenizer = GoldenVocabularies.Load(GoldenVocabularies.PathOf(golden));
        JsonNode pair = golden["pair_example"]!;
        Merganser.Tokenizers.Encoding encoding = tokenizer.Encode((string)pair["a"]!, (string)pair["b"]!, new EncodeOptions { OffsetUnit = OffsetUnit.CodePoint });
        Assert.Equal(GoldenVocabularies.Ints(pair["ids"]!), encoding.Ids);
        Assert.Equal(GoldenVocabularies.Ints(pair["type_ids"]!), encoding.TypeIds);
        Assert.Equal(GoldenVocabularies.Ints(pair["off"]!), Flat(encoding.Offsets));
        Assert.Equal(GoldenVocabularies.Ints(pair["special_tokens_mask"]!), encoding.SpecialTokensMask);
        Assert.Equal(pair["sequence_ids"]!.AsArray().Select(id => (int?)id), encoding.SequenceIds);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Saving_and_loading_changes_no_encoding(string file)
    {
        JsonObject golden = GoldenVocabularies.Read(file);
        Tokenizer tokenizer = GoldenVocabularies.Load(GoldenVocabularies.PathOf(golden));
        using var saved = new MemoryStream();
        tokenizer.Save(saved);
        Tokenizer again = Tokenizer.LoadJson(saved.GetBuffer().AsSpan(0, (int)saved.Length));
        foreach (JsonNode? text in GoldenVocabularies.Texts)
        {
            Merganser.Tokenizers.Encoding expected = tokenizer.Encode((string)text!);
            Merganser.Tokenizers.Encoding found = again.Encode((string)text!);
            Assert.Equal(expected.Ids, found.Ids);
            Assert.Equal(expected.Offsets, found.Offsets);
            Assert.Equal(tokenizer.Decode(expected.Ids), again.Decode(found.Ids));
        }

        using var savedAgain = new MemoryStream();
        again.Save(savedAgain);
        Assert.True(saved.GetBuffer().AsSpan(0, (int)saved.Length).SequenceEqual(savedAgain.GetBuffer().AsSpan(0, (int)savedAgain.Length)), "the second save differs from the first");
    }

    [Theory]
    [MemberData(nameof(TiktokenCases))]
    public void Tiktoken_files_give_the_ids_of_tiktoken(string file)
    {
        JsonObject golden = GoldenVocabularies.Read(file);
        Tokenizer tokenizer = GoldenVocabularies.Get((string)golden["tokenizer"]! + ".tiktoken");
        JsonArray rows = golden["rows"]!.AsArray();
        JsonNode? different = golden["tiktoken"]!["ids_where_different"];
        List<string> differences = [];
        for (int i = 0; i < rows.Count; i++)
        {
            var text = (string)GoldenVocabularies.Texts[i]!;
            int[] expected = GoldenVocabularies.Ints(different?[i.ToString(System.Globalization.CultureInfo.InvariantCulture)] ?? rows[i]!["ids"]!);
            Compare(differences, $"row {i}", expected, tokenizer.EncodeToIds(text, specialTokens: SpecialTokenPolicy.AsText));
            Assert.Equal(text, tokenizer.Decode(expected, skipSpecialTokens: false));
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(20)));
    }

    internal static int[] Flat((int Start, int End)[] offsets) => [.. offsets.SelectMany(range => (int[])[range.Start, range.End])];

    internal static void Compare(List<string> differences, string what, int[] expected, int[] found)
    {
        if (!expected.AsSpan().SequenceEqual(found))
            differences.Add($"{what}:\n  expected {string.Join(',', expected)}\n  found    {string.Join(',', found)}");
    }

    internal static void CompareRoads(List<string> differences, int row, Tokenizer tokenizer, string text)
    {
        byte[] utf8 = System.Text.Encoding.UTF8.GetBytes(text);
        var fast = new TokenBuffer(tracksOffsets: true);
        var slow = new TokenBuffer(tracksOffsets: true);
        var ids = new TokenBuffer();
        tokenizer.EncodeUtf8(utf8, fast, addSpecialTokens: false);
        tokenizer.EncodeUtf8(utf8, ids, addSpecialTokens: false);
        tokenizer.StepByStep().EncodeUtf8(utf8, slow, addSpecialTokens: false);
        Compare(differences, $"row {row} ids of the roads", slow.Ids.ToArray(), fast.Ids.ToArray());
        Compare(differences, $"row {row} ids alone", slow.Ids.ToArray(), ids.Ids.ToArray());
        Compare(differences, $"row {row} starts of the roads", slow.Starts.ToArray(), fast.Starts.ToArray());
        Compare(differences, $"row {row} ends of the roads", slow.Ends.ToArray(), fast.Ends.ToArray());
    }

    private static string Show(string text) => JsonValue.Create(text).ToJsonString();
}
