using System.Text.Json.Nodes;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Small trained tokenizers, embedded in the cases of the trainers: what they give for a few texts.</summary>
public sealed class TrainedGoldenTests
{
    public static TheoryData<string> Cases => GoldenVocabularies.Files("train-", "encodings");

    public static Tokenizer LoadMember(string file) =>
        Tokenizer.LoadJson(System.Text.Encoding.UTF8.GetBytes(GoldenVocabularies.Read(file)["tokenizer"]!.ToJsonString()), file);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Encodings_are_those_of_the_reference(string file)
    {
        Tokenizer tokenizer = LoadMember(file);
        List<string> differences = [];
        int row = 0;
        foreach (JsonNode? expected in GoldenVocabularies.Read(file)["encodings"]!.AsArray())
        {
            var text = (string)expected!["t"]!;
            Merganser.Tokenizers.Encoding found = tokenizer.Encode(text, options: new EncodeOptions { OffsetUnit = OffsetUnit.CodePoint, AddSpecialTokens = false });
            CoreGoldenTests.Compare(differences, $"row {row} ids", GoldenVocabularies.Ints(expected["ids"]!), found.Ids);
            CoreGoldenTests.Compare(differences, $"row {row} off", GoldenVocabularies.Ints(expected["off"]!), CoreGoldenTests.Flat(found.Offsets));
            CoreGoldenTests.CompareRoads(differences, row++, tokenizer, text);
        }

        Assert.True(row > 0);
        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(20)));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_roads_agree_on_the_corpus_and_on_texts_of_many_languages(string file)
    {
        Tokenizer tokenizer = LoadMember(file);
        List<string> differences = [];
        string[] lines = File.ReadAllText(Path.Combine(Golden.Folder("tokenizers"), "train-corpus.txt")).Split('\n');
        int row = 0;
        foreach (string text in lines.Concat(GoldenVocabularies.Texts.Select(text => (string)text!)))
            CoreGoldenTests.CompareRoads(differences, row++, tokenizer, text);
        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(20)));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Saving_and_loading_changes_no_encoding(string file)
    {
        Tokenizer tokenizer = LoadMember(file);
        using var saved = new MemoryStream();
        tokenizer.Save(saved);
        Tokenizer again = Tokenizer.LoadJson(saved.ToArray());
        foreach (JsonNode? text in GoldenVocabularies.Texts)
        {
            Merganser.Tokenizers.Encoding expected = tokenizer.Encode((string)text!);
            Merganser.Tokenizers.Encoding found = again.Encode((string)text!);
            Assert.Equal(expected.Ids, found.Ids);
            Assert.Equal(expected.Offsets, found.Offsets);
        }
    }
}
