using System.Text.Json;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Tokenizers;
using Merganser.Weights;
using Merganser.Weights.Execution;

namespace Merganser.Tests.Weights.Recipes;

public sealed class TokenizerRecipeTests : IDisposable
{
    private const string Models = "merge_method: linear\nbase_model: a\nmodels:\n  - {model: a, parameters: {weight: 1}}\n  - {model: b, parameters: {weight: 1}}\n";

    private readonly SmallModels _models = new();

    public TokenizerRecipeTests()
    {
        // Six rows each: a knows five tokens, b six; all values of a are 1, of b 3.
        _models.Add("a", 1);
        _models.Add("b", 3);
        Tokenizer("a", ["<s>", "a", "b", "ab", "c"], [("a", "b")]);
        Tokenizer("b", ["<s>", "b", "c", "d", "cd", "a"], [("c", "d")]);
    }

    [Fact]
    public void A_union_keeps_the_ids_of_the_base_and_appends_the_rest_in_order()
    {
        (ModelVocabulary vocabulary, Checkpoint merged) = Merge("tokenizer_source: union\n");
        using (merged)
        {
            Assert.Equal(["<s>", "a", "b", "ab", "c", "d", "cd"], Texts(vocabulary));
            Assert.Equal([7, 4], merged.Tensors["model.embed_tokens.weight"].Info.Shape.ToArray());
            // "ab" is a's alone and "d" is b's alone: the only owner's row stands for both; "a" is in both.
            Assert.Equal([2, 2, 2, 1, 2, 3, 3], FirstColumn(merged, "lm_head.weight"));
        }

        Assert.Equal(7, (int?)JsonNode.Parse(File.ReadAllText(Output("config.json")))!["vocab_size"]);
    }

    [Fact]
    public void An_intersection_keeps_the_common_tokens_and_numbers_them_anew()
    {
        (ModelVocabulary vocabulary, Checkpoint merged) = Merge("tokenizer_source: intersection\n");
        using (merged)
        {
            Assert.Equal(["<s>", "a", "b", "c"], Texts(vocabulary));
            Assert.Equal([2, 2, 2, 2], FirstColumn(merged, "model.embed_tokens.weight"));
        }

        JsonNode json = JsonNode.Parse(File.ReadAllText(Output("tokenizer.json")))!;
        Assert.Empty(json["model"]!["merges"]!.AsArray());
    }

    [Fact]
    public void United_merges_put_the_new_tokens_into_the_model()
    {
        (ModelVocabulary vocabulary, Checkpoint merged) = Merge("tokenizer: {source: union, merge_mode: merges}\n");
        merged.Dispose();
        Assert.Equal(7, vocabulary.Tokens.Count);
        JsonNode json = JsonNode.Parse(File.ReadAllText(Output("tokenizer.json")))!;
        Assert.Equal(["""["a","b"]""", """["c","d"]"""], json["model"]!["merges"]!.AsArray().Select(merge => merge!.ToJsonString()));
        Assert.Equal(6, (int?)json["model"]!["vocab"]!["cd"]);
        Assert.Equal(["<s>"], json["added_tokens"]!.AsArray().Select(token => (string)token!["content"]!));
    }

    [Fact]
    public void Padding_rows_are_the_mean_of_the_others()
    {
        (_, Checkpoint merged) = Merge("tokenizer: {source: union, pad_to_multiple_of: 8}\n");
        using (merged)
        {
            float[] rows = FirstColumn(merged, "model.embed_tokens.weight");
            // a's aligned rows are 1 1 1 1 1 3 3, b's 3 3 3 1 3 3 3; each model pads with its own mean.
            Assert.Equal((11 / 7f + 19 / 7f) / 2, rows[7], 1e-6f);
        }
    }

    [Fact]
    public void Rows_beyond_the_vocabulary_are_cut_off_unless_they_are_to_be_kept()
    {
        using (Checkpoint cut = Merge("tokenizer_source: base\n").Merged)
            Assert.Equal(5, cut.Tensors["lm_head.weight"].Info.Shape[0]);
        using Checkpoint kept = Merge("tokenizer: {source: base, keep_vocab_padding: true}\n").Merged;
        Assert.Equal(6, kept.Tensors["lm_head.weight"].Info.Shape[0]);
    }

    [Fact]
    public void A_union_of_a_model_with_itself_is_the_model()
    {
        _models.Add("b", 1);
        File.Copy(Path.Combine(_models.Folder, "a", "tokenizer.json"), Path.Combine(_models.Folder, "b", "tokenizer.json"), overwrite: true);
        Merge("tokenizer: {source: union, keep_vocab_padding: true}\n").Merged.Dispose();
        foreach (string file in new[] { "tokenizer.json", "model.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(_models.Folder, "a", file))[^90..], File.ReadAllBytes(Output(file))[^90..]);
    }

    [Fact]
    public void Special_ids_of_the_configuration_follow_the_tokenizer()
    {
        Tokenizer("b", ["x", "<s>", "b", "c", "d", "a"], []);
        _models.Write("a", "config.json", File.ReadAllText(Path.Combine(_models.Folder, "a", "config.json")).Replace("\"vocab_size\"", "\"bos_token_id\":0,\"eos_token_id\":[0,2],\"vocab_size\"", StringComparison.Ordinal));
        Merge("tokenizer_source: b\n").Merged.Dispose();
        JsonNode config = JsonNode.Parse(File.ReadAllText(Output("config.json")))!;
        Assert.Equal(1, (int?)config["bos_token_id"]);
        Assert.Equal("[1,2]", config["eos_token_id"]!.ToJsonString());
    }

    [Theory]
    [InlineData("tokenizer: {tokens: {zz: {source: b}}}\n", "b has no token 'zz'")]
    [InlineData("tokenizer: {tokens: {zz: {source: {kind: model_token, model: b, token_id: 6}}}}\n", "b has 6 rows, so there is no token_id 6")]
    [InlineData("tokenizer: {tokens: {zz: {source: {kind: model_token, model: b}}}}\n", "a model_token needs exactly one of 'token' and 'token_id'")]
    [InlineData("tokenizer: {tokens: {zz: {source: {kind: zeros}}}}\n", "unknown kind of token source 'zeros'; did you mean 'zero'?")]
    [InlineData("tokenizer: {pad_to_multiple_of: 0}\n", "'pad_to_multiple_of' must be a whole number from 1 to 1048576, not '0'")]
    [InlineData("tokenizer: {merge_mode: merge}\n", "unknown merge_mode 'merge'; did you mean 'merges'?")]
    [InlineData("tokenizer: {keep_vocab_padding: 3}\n", "'keep_vocab_padding' must be true or false, not '3'")]
    public void A_mistake_is_one_line_with_its_place(string tokenizer, string message)
    {
        MerganserException e = Assert.Throws<MerganserException>(() => _models.Plan(Models + tokenizer));
        Assert.Matches(@"^[^\n]*:6:\d+: [^\n]*$", e.Message);
        Assert.EndsWith(message, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Different_hidden_sizes_are_refused()
    {
        _models.Add("b", 3, change: tensors => SmallModels.Put(tensors, "model.embed_tokens.weight", DType.F32, 3, 6, 8));
        MerganserException e = Assert.Throws<MerganserException>(() => _models.Plan(Models + "tokenizer_source: union\n"));
        Assert.Contains("one hidden size", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_base_without_a_tokenizer_is_refused()
    {
        File.Delete(Path.Combine(_models.Folder, "a", "tokenizer.json"));
        MerganserException e = Assert.Throws<MerganserException>(() => _models.Plan(Models + "tokenizer_source: union\n"));
        Assert.Contains("a has no tokenizer.json, vocab.json or vocab.txt", e.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _models.Dispose();

    private string Output(params string[] parts) => Path.Combine([_models.Folder, "out", .. parts]);

    private (ModelVocabulary Vocabulary, Checkpoint Merged) Merge(string tokenizer)
    {
        using MergePlan plan = _models.Plan(Models + tokenizer);
        MergeExecutor.Run(plan, Output(), new MergeRunOptions { Overwrite = true, Verify = true });
        return (ModelVocabulary.ReadFolder(Output(), "out")!, CheckpointReader.Open(Output()));
    }

    private void Tokenizer(string model, string[] tokens, (string, string)[] merges)
    {
        JsonObject vocabulary = [];
        for (int id = 0; id < tokens.Length; id++)
            vocabulary[tokens[id]] = id;
        int special = Array.IndexOf(tokens, "<s>");
        _models.Write(model, "tokenizer.json", new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = new JsonArray(new JsonObject { ["id"] = special, ["content"] = "<s>", ["special"] = true }),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges.Select(merge => new JsonArray(merge.Item1, merge.Item2))]),
            },
        }.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
    }

    private static IEnumerable<string> Texts(ModelVocabulary vocabulary) => Enumerable.Range(0, vocabulary.Tokens.IdLimit).Select(vocabulary.Tokens.GetText);

    private static float[] FirstColumn(Checkpoint checkpoint, string tensor)
    {
        TensorSource source = checkpoint.Tensors[tensor];
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        float[] values = new float[source.Info.ElementCount];
        TensorCast.ToSingle(bytes, source.Info.DType, values);
        return [.. Enumerable.Range(0, (int)source.Info.Shape[0]).Select(row => values[row * (int)source.Info.Shape[1]])];
    }
}
