using System.Text.Json.Nodes;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>SentencePiece models against SentencePiece itself.</summary>
public sealed class SentencePieceGoldenTests
{
    public static TheoryData<string> Cases => GoldenVocabularies.Files("core-", "model_sha256");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pieces_offsets_decoding_and_n_best_are_those_of_the_original(string file)
    {
        JsonObject golden = GoldenVocabularies.Read(file);
        SentencePieceTokenizer model = SentencePieceTokenizer.Load(ModelPath(golden));
        Assert.Equal((int)golden["size"]!, model.Vocabulary.Count);
        Assert.Equal<int[]>(GoldenVocabularies.Ints(golden["unk_bos_eos_pad"]!), [model.UnkId, model.BosId, model.EosId, model.PadId]);
        List<string> differences = [];
        JsonArray rows = golden["rows"]!.AsArray();
        for (int i = 0; i < rows.Count; i++)
        {
            JsonNode row = rows[i]!;
            IReadOnlyList<SentencePieceToken> found = model.Encode((string)GoldenVocabularies.Texts[i]!);
            int[] ids = GoldenVocabularies.Ints(row["ids"]!);
            CoreGoldenTests.Compare(differences, $"row {i} ids", ids, [.. found.Select(token => token.Id)]);
            CoreGoldenTests.Compare(differences, $"row {i} byte_off", GoldenVocabularies.Ints(row["byte_off"]!), [.. found.SelectMany(token => (int[])[token.Start, token.End])]);
            string pieces = string.Join('|', row["pieces"]!.AsArray().Select(piece => (string)piece!));
            if (pieces != string.Join('|', found.Select(token => token.Piece)))
                differences.Add($"row {i} pieces: expected {pieces} found {string.Join('|', found.Select(token => token.Piece))}");
            string decoded = model.Decode(ids);
            if (decoded != (string)row["dec"]!)
                differences.Add($"row {i} dec: expected '{row["dec"]}' found '{decoded}'");
        }

        foreach (JsonNode? example in golden["nbest"]!.AsArray())
        {
            JsonArray paths = example![1]!.AsArray();
            IReadOnlyList<int[]> found = model.EncodeNBest((string)example[0]!, paths.Count);
            for (int rank = 0; rank < paths.Count; rank++)
                CoreGoldenTests.Compare(differences, $"n-best {example[0]} {rank}", GoldenVocabularies.Ints(paths[rank]!), rank < found.Count ? found[rank] : []);
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(20)));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Saving_gives_the_same_bytes(string file)
    {
        string path = ModelPath(GoldenVocabularies.Read(file));
        using var saved = new MemoryStream();
        SentencePieceTokenizer.Load(path).Save(saved);
        Assert.Equal(File.ReadAllBytes(path), saved.ToArray());
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_pipeline_form_keeps_the_ids(string file)
    {
        JsonObject golden = GoldenVocabularies.Read(file);
        Tokenizer tokenizer = Tokenizer.Load(ModelPath(golden));
        using var saved = new MemoryStream();
        tokenizer.Save(saved);
        Tokenizer again = Tokenizer.LoadJson(saved.ToArray());
        SentencePieceTokenizer model = SentencePieceTokenizer.Load(ModelPath(golden));
        foreach (string text in (string[])["hello world", "The quick brown fox jumps over the lazy dog.", "  unbelievable   things ", "def f(x): return 12345"])
        {
            Assert.Equal(model.EncodeToIds(text), tokenizer.EncodeToIds(text));
            Assert.Equal(model.EncodeToIds(text), again.EncodeToIds(text));
        }
    }

    private static string ModelPath(JsonObject golden) => Path.Combine(Golden.Folder("tokenizers"), (string)golden["model"]!);
}
