using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Tokenizers;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Lora;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

/// <summary>
/// Every recipe of golden/weights/recipes, planned and carried out, against the files that mergekit wrote. Where the recipe
/// joins vocabularies rows are compared by their token: upstream numbers new tokens in hash order.
/// </summary>
public sealed class RecipeGoldenTests
{
    /// <summary>Recipes in which a maximum decides what is unit-length; their tolerance is absolute (spec, "Goldens").</summary>
    private static readonly string[] Spherical = ["karcher", "multislerp", "nuslerp"];

    private static readonly string Root = Golden.Folder("weights");

    public static TheoryData<string> Cases() => [.. Directory.GetDirectories(Path.Combine(Root, "recipes")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_recipe_gives_the_expected_tensors_in_strict_mode(string name)
    {
        MergeRecipe recipe = Read(name);
        using var folder = new TemporaryFolder();
        using Checkpoint expected = CheckpointReader.Open(Expected(name));
        using Checkpoint merged = Merge(recipe, name, strict: true, folder);
        int[]? rows = RowsOfTokens(recipe, name, folder["out"]);
        Assert.Equal(expected.Tensors.Keys.Order(StringComparer.Ordinal), merged.Tensors.Keys.Order(StringComparer.Ordinal));
        long elements = 0;
        long different = 0;
        foreach ((string tensor, TensorSource source) in expected.Tensors)
        {
            TensorSource found = merged.Tensors[tensor];
            Assert.True(source.Info.SameShape(found.Info), $"{tensor}: {found.Info.ShapeText}, expected {source.Info.ShapeText}");
            if (!source.Info.DType.IsFloat())
            {
                Assert.Equal(Bytes(source), Bytes(found));
                continue;
            }

            float[] wanted = Floats(source);
            float[] got = InExpectedOrder(found, rows);
            // Upstream stores some results wider than the recipe asks; ours has the type asked for.
            if (found.Info.DType != source.Info.DType)
                Rounding.Of(found.Info.DType).Apply(wanted);
            elements += wanted.Length;
            for (int i = 0; i < wanted.Length; i++)
            {
                if (found.Info.DType == DType.F32)
                    Assert.True(IsClose(recipe.Method.Name, wanted[i], got[i]), $"{tensor}[{i}]: {got[i]:R}, expected {wanted[i]:R}");
                else if (wanted[i] != got[i])
                    different++;
            }
        }

        // Narrow arithmetic is reproduced bit for bit; only arcee_fusion's softmax may differ in a thousandth of the elements.
        Assert.True(different <= (recipe.Method.Name == "arcee_fusion" ? elements / 1000 : 0), $"{different} of {elements} narrow elements differ");
        CheckConfig(name, folder["out"], merged);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_recipe_in_native_mode_differs_only_where_the_deliberate_differences_say(string name)
    {
        MergeRecipe recipe = Read(name);
        using var folder = new TemporaryFolder();
        using Checkpoint expected = CheckpointReader.Open(Expected(name));
        using Checkpoint merged = Merge(recipe, name, strict: false, folder);
        int[]? rows = RowsOfTokens(recipe, name, folder["out"]);
        foreach ((string tensor, TensorSource source) in expected.Tensors.Where(pair => pair.Value.Info.DType.IsFloat()))
        {
            TensorSource found = merged.Tensors[tensor];
            // With top = 0 upstream drops everything (see breadcrumbs); narrow types have their own test below.
            bool droppedUpstream = recipe.Method.Name.StartsWith("breadcrumbs", StringComparison.Ordinal) && source.Info.Shape.Length == 1;
            if (found.Info.DType != DType.F32 || droppedUpstream)
                continue;
            float[] wanted = Floats(source);
            float[] got = InExpectedOrder(found, rows);
            for (int i = 0; i < wanted.Length; i++)
                Assert.True(IsClose(recipe.Method.Name, wanted[i], got[i]), $"{tensor}[{i}]: {got[i]:R}, expected {wanted[i]:R}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_narrow_result_in_native_mode_is_the_float32_result_rounded_once(string name)
    {
        MergeRecipe recipe = Read(name);
        if (recipe.TokenizerKey is not null || (recipe.OutDType ?? recipe.DType) is not (DType.BF16 or DType.F16))
            return;

        using var folder = new TemporaryFolder();
        using Checkpoint narrow = Merge(recipe, name, strict: false, folder);
        using var second = new TemporaryFolder();
        using Checkpoint wide = Merge(recipe with { OutDType = DType.F32 }, name, strict: false, second);
        foreach ((string tensor, TensorSource source) in narrow.Tensors.Where(pair => pair.Value.Info.DType.IsFloat()))
        {
            float[] rounded = Floats(wide.Tensors[tensor]);
            Rounding.Of(source.Info.DType).Apply(rounded);
            Assert.Equal(rounded, Floats(source));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_narrow_linear_merge_in_native_mode_is_nearer_to_the_exact_mean_than_upstream(string name)
    {
        MergeRecipe recipe = Read(name);
        if (recipe.Method.Name != "linear" || recipe.TokenizerKey is not null || (recipe.OutDType ?? recipe.DType) is not DType.BF16 || !recipe.Models.All(HasOneNumber))
            return;

        using var folder = new TemporaryFolder();
        using Checkpoint merged = Merge(recipe, name, strict: false, folder);
        using Checkpoint upstream = CheckpointReader.Open(Expected(name));
        Checkpoint[] models = [.. recipe.Models.Select(source => CheckpointReader.Open(Path.Combine(Root, source.Model.Path)))];
        double[] weights = [.. recipe.Models.Select(source => source.Parameters.Single().Entries.Single().Values.Single().Number)];
        double sum = recipe.Parameters.Any(parameter => parameter.Name == "normalize" && parameter.Entries[0].Values[0].Number == 0) ? 1 : weights.Sum();
        double worstOurs = 0;
        double worstUpstream = 0;
        foreach ((string tensor, TensorSource source) in merged.Tensors)
        {
            float[][] inputs = [.. models.Select(model => Floats(model.Tensors[tensor]))];
            float[] ours = Floats(source);
            float[] theirs = Floats(upstream.Tensors[tensor]);
            for (int i = 0; i < ours.Length; i++)
            {
                double exact = inputs.Select((values, model) => weights[model] * values[i]).Sum() / sum;
                double ulp = Math.Pow(2, Math.Floor(Math.Log2(Math.Abs(exact))) - 7);
                worstOurs = Math.Max(worstOurs, Math.Abs(ours[i] - exact) / ulp);
                worstUpstream = Math.Max(worstUpstream, Math.Abs(theirs[i] - exact) / ulp);
            }
        }

        foreach (Checkpoint model in models)
            model.Dispose();
        // Half a unit in the last place, and the rounding of float32 arithmetic that may tip a tie.
        Assert.InRange(worstOurs, 0, 0.5 + 1e-4);
        Assert.True(worstOurs <= worstUpstream, $"{worstOurs} ulp, upstream {worstUpstream}");
    }

    [Fact]
    public void Native_breadcrumbs_differs_from_upstream_only_in_vectors_too_short_for_an_outlier()
    {
        const string Name = "breadcrumbs_ties";
        if (!Directory.Exists(Path.Combine(Root, "recipes", Name)))
            Assert.Skip("this set of golden files has no such case");
        using var folder = new TemporaryFolder();
        using Checkpoint expected = CheckpointReader.Open(Expected(Name));
        using Checkpoint merged = Merge(Read(Name), Name, strict: false, folder);
        string[] different = [.. expected.Tensors.Where(pair => Floats(pair.Value).Zip(Floats(merged.Tensors[pair.Key])).Any(two => !IsClose(Name, two.First, two.Second))).Select(pair => pair.Key)];
        Assert.All(different, tensor => Assert.Contains("norm", tensor, StringComparison.Ordinal));
        Assert.Equal(7, different.Length);
    }

    private static bool HasOneNumber(RecipeSource source) => source.Parameters is [{ Name: "weight", Entries: [{ Filter: null, Values.Length: 1 }] }];

    private static MergeRecipe Read(string name) =>
        Assert.Single(RecipeReader.ReadFile(Path.Combine(Root, "recipes", name, "recipe.yml")).Documents);

    private static string Expected(string name) => Path.Combine(Root, "recipes", name, "expected");

    private static PlanOptions Options(string name, bool strict) => new()
    {
        WorkingFolder = Root,
        StrictMergekit = strict,
        ApplyAdapter = LoraOverlay.Overlay,
        InjectedMask = Masks(name),
    };

    private static Checkpoint Merge(MergeRecipe recipe, string name, bool strict, TemporaryFolder folder)
    {
        using MergePlan plan = MergePlanner.Plan(recipe, Options(name, strict));
        // A case whose expected result has shards is merged with a shard size that gives shards.
        long shard = File.Exists(Path.Combine(Expected(name), "model.safetensors.index.json")) ? 30_000 : 0;
        MergeExecutor.Run(plan, folder["out"], new MergeRunOptions { ShardBytes = shard, Verify = true });
        if (shard > 0)
            Assert.True(File.Exists(folder["out", "model.safetensors.index.json"]));
        return CheckpointReader.Open(folder["out"]);
    }

    /// <summary>masks.safetensors holds <c>tensor::model path</c>; methods ask by tensor and the model's index, the base not counted.</summary>
    private static Func<string, int, byte[]?>? Masks(string name)
    {
        string path = Path.Combine(Root, "recipes", name, "masks.safetensors");
        if (!File.Exists(path))
            return null;
        MergeRecipe recipe = Read(name);
        string[] models = [.. recipe.Models.Select(source => source.Model.Path).Where(model => model != recipe.BaseModel?.Path)];
        Dictionary<string, byte[]> masks = [];
        using (Checkpoint file = CheckpointReader.Open(path))
        {
            foreach ((string key, TensorSource source) in file.Tensors)
                masks.Add(key, Bytes(source));
        }

        return (tensor, model) => masks.GetValueOrDefault($"{tensor}::{models[model]}");
    }

    private static void CheckConfig(string name, string output, Checkpoint merged)
    {
        JsonObject expected = Config(Expected(name));
        JsonObject found = Config(output);
        Assert.Equal(Value(expected, "num_hidden_layers"), Value(found, "num_hidden_layers"));
        Assert.Equal(Value(expected, "dtype") ?? Value(expected, "torch_dtype"), Value(found, "dtype") ?? Value(found, "torch_dtype"));
        // The vocabulary's size is the number of rows, whatever upstream wrote.
        TensorSource? embedding = merged.Tensors.FirstOrDefault(pair => pair.Key.EndsWith("embed_tokens.weight", StringComparison.Ordinal) || pair.Key.EndsWith("word_embeddings.weight", StringComparison.Ordinal)).Value;
        if (embedding is not null)
            Assert.Equal(embedding.Info.Shape[0].ToString(System.Globalization.CultureInfo.InvariantCulture), Value(found, "vocab_size"));

        static JsonObject Config(string folder) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();
        static string? Value(JsonObject config, string key) => config[key]?.ToString();
    }

    private static bool IsClose(string method, float wanted, float got) =>
        Math.Abs(wanted - got) <= (Spherical.Contains(method) ? 1e-5 : 1e-6 + 1e-5 * Math.Abs(wanted));

    /// <summary>For each row of the expected embedding the row of ours that has the same token; null when the tokenizer is only copied.</summary>
    private static int[]? RowsOfTokens(MergeRecipe recipe, string name, string output)
    {
        if (recipe.Tokenizer is null)
            return null;
        ModelVocabulary expected = ModelVocabulary.ReadFolder(Expected(name), "expected")!;
        ModelVocabulary found = ModelVocabulary.ReadFolder(output, "found")!;
        Assert.Equal(expected.Tokens.Count, found.Tokens.Count);
        Assert.Equal(expected.Tokens.IdLimit, found.Tokens.IdLimit);
        int[] rows = [.. Enumerable.Range(0, expected.Tokens.IdLimit)];
        for (int id = 0; id < rows.Length; id++)
            Assert.True(found.Tokens.TryGetId(expected.Tokens[id], out rows[id]), $"the token '{expected.Tokens.GetText(id)}' is missing");
        if (recipe.Tokenizer.Join == VocabularyJoin.Reference)
            Assert.Equal(Enumerable.Range(0, rows.Length), rows);
        return rows;
    }

    private static float[] InExpectedOrder(TensorSource found, int[]? rows)
    {
        float[] values = Floats(found);
        if (rows is null || found.Info.Shape is not [var count, var columns] || count < rows.Length || !(found.Info.Name.Contains("embed_tokens", StringComparison.Ordinal) || found.Info.Name.Contains("lm_head", StringComparison.Ordinal)))
            return values;
        float[] ordered = [.. values];
        for (int row = 0; row < rows.Length; row++)
            values.AsSpan(rows[row] * (int)columns, (int)columns).CopyTo(ordered.AsSpan(row * (int)columns));
        return ordered;
    }

    private static byte[] Bytes(TensorSource source)
    {
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        return bytes;
    }

    private static float[] Floats(TensorSource source)
    {
        float[] values = new float[source.Info.ElementCount];
        TensorCast.ToSingle(Bytes(source), source.Info.DType, values);
        return values;
    }
}
