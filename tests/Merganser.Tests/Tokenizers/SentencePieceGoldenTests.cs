using System.Text.Json.Nodes;
using Merganser.Checkpoints.Formats;
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
    public void The_pipeline_form_keeps_the_ids_also_through_files(string file)
    {
        string path = ModelPath(GoldenVocabularies.Read(file));
        SentencePieceTokenizer model = SentencePieceTokenizer.Load(path);
        SentencePieceFile settings = SentencePieceFile.Read(path);
        if (settings.TreatWhitespaceAsSuffix)
        {
            Assert.Contains("suffix", Assert.Throws<MerganserException>(() => Tokenizer.Load(path)).Message, StringComparison.Ordinal);
            return;
        }

        List<Tokenizer> forms = [Tokenizer.Load(path)];
        using var folder = new TempFolder();
        string saved = Path.Combine(folder.Path, "tokenizer.model");
        forms[0].Save(saved, TokenizerFormat.SentencePiece);
        using var json = new MemoryStream();
        if (settings.Kind == SentencePieceKind.Word)
        {
            Assert.Contains("unknown words", Assert.Throws<MerganserException>(() => forms[0].Save(json)).Message, StringComparison.Ordinal);
        }
        else
        {
            forms[0].Save(json);
            forms.Add(Tokenizer.LoadJson(json.ToArray()));
        }

        SentencePieceTokenizer again = SentencePieceTokenizer.Load(saved);
        string[] userDefined = [.. settings.Pieces.Where(piece => piece.Kind == PieceKind.UserDefined).Select(piece => piece.Text)];
        string[] controls = [.. settings.Pieces.Where(piece => piece.Kind is PieceKind.Control or PieceKind.Unknown or PieceKind.Byte).Select(piece => piece.Text)];
        List<string> differences = [];
        int compared = 0;
        foreach (JsonNode? node in GoldenVocabularies.Texts)
        {
            string text = (string)node!;
            int[] expected = model.EncodeToIds(text);
            CoreGoldenTests.Compare(differences, $"saved as .model: '{text}'", expected, again.EncodeToIds(text));
            // The differences that ToTokenizer's documentation names.
            if ((userDefined.Length > 0 && (text.StartsWith(' ') || text.StartsWith('\u2581') || text.EndsWith(' ') || userDefined.Any(text.StartsWith)))
                || controls.Any(text.Contains)
                || (settings.Charsmap.Length > 0 && HasClusters(text)))
            {
                continue;
            }

            compared++;
            foreach (Tokenizer form in forms)
                CoreGoldenTests.Compare(differences, $"as a pipeline: '{text}'", expected, form.EncodeToIds(text, addSpecialTokens: false, SpecialTokenPolicy.AsText));
        }

        Assert.True(compared > 40, $"only {compared} texts were compared");
        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(20)));
    }

    private static bool HasClusters(string text) => new System.Globalization.StringInfo(text).LengthInTextElements < text.EnumerateRunes().Count();

    private static string ModelPath(JsonObject golden) => Path.Combine(Golden.Folder("tokenizers"), (string)golden["model"]!);
}
