using System.Text.Json;
using Merganser.Checkpoints;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Files <c>vocab_union-*.safetensors</c>: vocabularies in the metadata, the models' embeddings, and the joined ones.</summary>
public sealed class VocabularyUnionGoldenTests
{
    private static readonly string Folder = Golden.Folder("tokenizers");

    public static TheoryData<string> Cases() => [.. Directory.GetFiles(Folder, "vocab_union-*.safetensors").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Joined_vocabularies_and_rows_are_the_expected_ones(string name)
    {
        using Checkpoint file = CheckpointReader.Open(Path.Combine(Folder, name));
        IReadOnlyDictionary<string, string> metadata = Metadata(Path.Combine(Folder, name));
        string[] names = [.. metadata.Keys.Where(key => key.StartsWith("vocab_", StringComparison.Ordinal) && key is not ("vocab_union" or "vocab_intersection")).Select(key => key[6..]).OrderBy(key => key != "base").ThenBy(key => key, StringComparer.Ordinal)];
        ModelVocabulary[] models = [.. names.Select(model => Vocabulary(model, Tokens(metadata, model), (int)file.Tensors[$"embed_{model}"].Info.Shape[0]))];
        Assert.Equal(Tokens(metadata, "union"), Texts(VocabularyUnion.Of(models, 0, VocabularyJoin.Union)));
        Assert.Equal(Tokens(metadata, "intersection"), Texts(VocabularyUnion.Of(models, 0, VocabularyJoin.Intersection)));
        int compared = 0;
        foreach ((string key, TensorSource expected) in file.Tensors.Where(pair => pair.Key.StartsWith("out_", StringComparison.Ordinal)))
        {
            string[] parts = key.Split('_');
            int model = Array.IndexOf(names, parts[1]);
            var plan = new RowPlan(VocabularyUnion.Of(models, 0, VocabularyJoin.Union), parts[2] == "base" ? 0 : -1, padToMultipleOf: int.Parse(parts[3]["pad".Length..], null));
            var rows = new AlignedRows(plan, model, [.. names.Select(other => file.Tensors[$"embed_{other}"])]);
            Assert.True(expected.Info.SameShape(rows.Info), $"{key}: {rows.Info.ShapeText}");
            float[] wanted = Floats(expected), got = Floats(rows);
            for (int i = 0; i < wanted.Length; i++)
                Assert.True(Math.Abs(wanted[i] - got[i]) <= 1e-6, $"{key}[{i}]: {got[i]}, expected {wanted[i]}");
            compared++;
        }

        Assert.True(compared > 0);
    }

    private static string[] Tokens(IReadOnlyDictionary<string, string> metadata, string model)
    {
        using JsonDocument list = JsonDocument.Parse(metadata[$"vocab_{model}"]);
        return [.. list.RootElement.EnumerateArray().Select(token => token.GetString()!)];
    }

    private static ModelVocabulary Vocabulary(string name, string[] tokens, int rows)
    {
        Vocabulary.Builder builder = new();
        for (int id = 0; id < tokens.Length; id++)
            builder.Add(tokens[id], id);
        return new ModelVocabulary(name, builder.Build()) { Limit = rows };
    }

    private static string[] Texts(VocabularyUnion union) => [.. Enumerable.Range(0, union.Count).Select(id => union.Token(id)!)];

    private static float[] Floats(TensorSource source)
    {
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        float[] values = new float[source.Info.ElementCount];
        TensorCast.ToSingle(bytes, source.Info.DType, values);
        return values;
    }

    private static Dictionary<string, string> Metadata(string path)
    {
        using FileStream stream = File.OpenRead(path);
        byte[] length = new byte[8];
        stream.ReadExactly(length);
        byte[] header = new byte[BitConverter.ToInt64(length)];
        stream.ReadExactly(header);
        using JsonDocument json = JsonDocument.Parse(header);
        return json.RootElement.GetProperty("__metadata__").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!);
    }
}
