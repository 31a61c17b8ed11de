using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Recipes;
using Merganser.Weights.Tools;

namespace Merganser.Tests.Weights.Tools;

/// <summary>The tools from the command line to the files, on the golden models.</summary>
public sealed class ToolVerbTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_extracted_adapter_merges_back_into_the_model()
    {
        Ok("lora", "extract", "--model", Model("llama-a"), "--base-model", Model("llama-base"), "--out-path", _folder["adapter"]);
        File.WriteAllText(_folder["back.yml"], $"merge_method: linear\nmodels:\n  - model: {Model("llama-base")}+{_folder["adapter"]}\n    parameters: {{weight: 1.0}}\n");
        Ok("merge", _folder["back.yml"], _folder["back"]);
        using Checkpoint expected = CheckpointReader.Open(Model("llama-a")), actual = CheckpointReader.Open(_folder["back"]);
        AssertClose(expected, actual, 1e-5);
        (int code, _, string error) = CommandLine.Run("extract-lora", "--model", Model("llama-a"), "--base-model", Model("llama-base"), "--out-path", _folder["adapter"]);
        Assert.Equal(1, code);
        Assert.Contains("--overwrite", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Fill_takes_the_parts_tensors_and_the_bases_rest()
    {
        using (Checkpoint a = CheckpointReader.Open(Model("llama-a")))
        {
            // The part knows its tensors without the first component.
            IEnumerable<(TensorInfo, byte[])> part = a.Tensors.Values.Where(tensor => tensor.Info.Name.StartsWith("model.layers.", StringComparison.Ordinal))
                .Select(tensor => (tensor.Info with { Name = tensor.Info.Name["model.".Length..] }, tensor.ReadBytes()));
            SafetensorsFile.Write(_folder["part.safetensors"], [.. part, (new TensorInfo("norm.weight", DType.F32, [2]), new byte[8]), (new TensorInfo("stray", DType.F32, [2]), new byte[8])]);
        }

        (_, string error) = Ok("fill", Model("llama-base"), _folder["part.safetensors"], _folder["out"]);
        Assert.Contains("'stray'", error, StringComparison.Ordinal);
        Assert.Contains("'model.norm.weight'", error, StringComparison.Ordinal);
        using Checkpoint filled = CheckpointReader.Open(_folder["out"]), donor = CheckpointReader.Open(Model("llama-a")), old = CheckpointReader.Open(Model("llama-base"));
        Assert.Equal(old.Tensors.Keys.Order(StringComparer.Ordinal), filled.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, TensorSource tensor) in filled.Tensors)
            Assert.Equal((name.StartsWith("model.layers.", StringComparison.Ordinal) ? donor : old).Tensors[name].ReadBytes(), tensor.ReadBytes());
        Assert.Equal(File.ReadAllText(Path.Combine(Model("llama-base"), "config.json")), File.ReadAllText(_folder["out/config.json"]));
        Assert.Equal(1, CommandLine.Run("fill", Model("llama-base"), Model("llama-a"), _folder["full"]).ExitCode);
        Assert.False(Directory.Exists(_folder["full"]));
    }

    [Fact]
    public void A_shuffle_without_draws_is_the_model_itself()
    {
        Ok("shuffle", _folder["out"], "-m", Model("llama-a"), "-m", Model("llama-b"), "-w", "1", "-w", "0", "--write-yaml", _folder["recipe.yml"]);
        using Checkpoint expected = CheckpointReader.Open(Model("llama-a")), actual = CheckpointReader.Open(_folder["out"]);
        AssertClose(expected, actual, 0);
        Assert.Contains("passthrough", File.ReadAllText(_folder["recipe.yml"]), StringComparison.Ordinal);
        (string output, _) = Ok("layershuffle", _folder["none"], "-m", Model("llama-a"), "-m", Model("llama-b"), "--dry-run", "--print-yaml", "--fp16");
        Assert.Contains("dtype: float16", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["none"]));
    }

    [Fact]
    public void The_swap_is_byte_for_byte_the_recipe_written_by_hand()
    {
        string recipe = File.ReadAllText(Golden.Folder("weights", "recipes", "layer-swap-linear-slices", "recipe.yml")).Replace("./models", Golden.Folder("weights", "models"), StringComparison.Ordinal);
        File.WriteAllText(_folder["recipe.yml"], recipe);
        Ok("merge", _folder["recipe.yml"], _folder["hand"]);
        // The recipe by hand has no filters: its first slice is the language expert's, its last the task expert's, and so are the ends.
        Ok("layer-swap", Model("llama-a"), Model("llama-b"), _folder["swap"], "--bottom", "1", "--transition-bottom", "1", "--dtype", "float32");
        using Checkpoint hand = CheckpointReader.Open(_folder["hand"]), swap = CheckpointReader.Open(_folder["swap"]);
        using Checkpoint language = CheckpointReader.Open(Model("llama-b"));
        foreach ((string name, TensorSource tensor) in swap.Tensors)
        {
            bool isEnd = name is "model.norm.weight" or "lm_head.weight";
            Assert.Equal((isEnd ? language : hand).Tensors[name].ReadBytes(), tensor.ReadBytes());
        }
    }

    [Theory]
    [InlineData(0, "llama-a")]
    [InlineData(3, "llama-b")]
    public void No_layers_swapped_gives_the_task_expert_and_all_the_language_expert(int bottom, string expected)
    {
        Ok("layer-swap", Model("llama-a"), Model("llama-b"), _folder["out"], "--bottom", $"{bottom}", "--ends", bottom == 0 ? "task" : "language");
        using Checkpoint wanted = CheckpointReader.Open(Model(expected)), found = CheckpointReader.Open(_folder["out"]);
        AssertClose(wanted, found, 0);
    }

    [Fact]
    public void Swaps_that_cannot_be_made_are_refused()
    {
        foreach (string[] options in (string[][])[["--bottom", "4"], ["--bottom", "-1"], [], ["--bottom", "1", "--ends", "base"], ["--bottom", "1", "--dtype", "float"]])
        {
            (int code, _, string error) = CommandLine.Run(["layer-swap", Model("llama-a"), Model("llama-b"), _folder["out"], .. options]);
            Assert.Equal(1, code);
            Assert.StartsWith("merganser: ", error, StringComparison.Ordinal);
        }

        Assert.Equal(1, CommandLine.Run("layer-swap", Model("llama-a"), Model("llama-tied-a"), _folder["out"], "--bottom", "1").ExitCode);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    [Fact]
    public void The_change_map_prints_tables_json_and_a_picture()
    {
        (string text, _) = Ok("change-map", Model("llama-base"), Model("llama-a"), Model("llama-b"), "--svg", _folder["map.svg"]);
        Assert.Contains("layer", text, StringComparison.Ordinal);
        Assert.Contains("llama-b", text, StringComparison.Ordinal);
        Assert.StartsWith("<svg", File.ReadAllText(_folder["map.2.svg"]), StringComparison.Ordinal);
        (string output, _) = Ok("change-map", Model("llama-base"), Model("llama-a"), "--json", "--rows");
        JsonNode map = JsonNode.Parse(output)![0]!;
        Assert.Equal(3, map["layer_shares"]!.AsArray().Count);
        double outside = map["tensors"]!.AsArray().Where(tensor => (int)tensor!["layer"]! < 0).Sum(tensor => (double)tensor!["squared_change"]!) / (double)map["total_squared_change"]!;
        Assert.Equal(1, outside + map["layer_shares"]!.AsArray().Sum(share => (double)share!), 1e-9);
        Assert.Equal(24, map["tensors"]!.AsArray().First(tensor => (string)tensor!["kind"]! == "self_attn.q_proj.weight")!["row_changes"]!.AsArray().Count);
    }

    public static TheoryData<string> RawCases()
    {
        var data = new TheoryData<string>();
        foreach (string folder in Directory.GetDirectories(Golden.Folder("weights", "tools"), "raw-*").Order(StringComparer.Ordinal))
            data.Add(Path.GetFileName(folder));
        return data;
    }

    [Theory]
    [MemberData(nameof(RawCases))]
    public void Raw_files_merge_as_mergekit_merges_them(string name)
    {
        string folder = Golden.Folder("weights", "tools", name);
        MergeRecipe recipe = RecipeReader.ReadFile(Path.Combine(folder, "recipe.yml")).Documents[0];
        using (MergePlan plan = RawMerge.Plan(recipe, RawTensorSet.Equal, new PlanOptions { WorkingFolder = Golden.Folder("weights") }))
            Merganser.Weights.Execution.MergeExecutor.Run(plan, _folder["out"], new Merganser.Weights.Execution.MergeRunOptions());
        using Checkpoint expected = CheckpointReader.Open(Path.Combine(folder, "expected")), actual = CheckpointReader.Open(_folder["out"]);
        AssertClose(expected, actual, 1e-6, 1e-5);
    }

    [Fact]
    public void Raw_files_with_other_tensors_need_union_or_intersection()
    {
        SafetensorsFile.Write(_folder["a.safetensors"], [Tensor("x", 1), Tensor("y", 2)]);
        SafetensorsFile.Write(_folder["b.safetensors"], [Tensor("x", 3), Tensor("z", 4)]);
        File.WriteAllText(_folder["r.yml"], $"merge_method: linear\nmodels:\n  - {{model: \"{_folder["a.safetensors"]}\", parameters: {{weight: 1}}}}\n  - {{model: \"{_folder["b.safetensors"]}\", parameters: {{weight: 1}}}}\n");
        (int code, _, string error) = CommandLine.Run("merge-raw", _folder["r.yml"], _folder["out"]);
        Assert.Equal(1, code);
        Assert.Contains("'y'", error, StringComparison.Ordinal);
        Ok("merge-raw", _folder["r.yml"], _folder["i"], "-i");
        Ok("merge-raw", _folder["r.yml"], _folder["u"], "-u");
        using Checkpoint both = CheckpointReader.Open(_folder["i"]), any = CheckpointReader.Open(_folder["u"]);
        Assert.Equal(["x"], both.Tensors.Keys);
        Assert.Equal([2f], both.Tensors["x"].ReadSingles());
        Assert.Equal(["x", "y", "z"], any.Tensors.Keys.Order(StringComparer.Ordinal));
        Assert.Equal([4f], any.Tensors["z"].ReadSingles());
        Assert.Equal(2, CommandLine.Run("merge-raw", _folder["r.yml"], _folder["o"], "-u", "-i").ExitCode);
    }

    [Fact]
    public void A_weight_of_zero_counts_in_raw_merges()
    {
        SafetensorsFile.Write(_folder["a.safetensors"], [Tensor("x", 5)]);
        SafetensorsFile.Write(_folder["b.safetensors"], [Tensor("x", 3)]);
        File.WriteAllText(_folder["r.yml"], $"merge_method: linear\nmodels:\n  - {{model: \"{_folder["a.safetensors"]}\", parameters: {{weight: 0}}}}\n  - {{model: \"{_folder["b.safetensors"]}\", parameters: {{weight: 2}}}}\n");
        Ok("merge-raw", _folder["r.yml"], _folder["out"]);
        using Checkpoint merged = CheckpointReader.Open(_folder["out"]);
        Assert.Equal([3f], merged.Tensors["x"].ReadSingles());
    }

    [Fact]
    public void A_mixture_is_made_from_the_command_line()
    {
        File.WriteAllText(_folder["moe.yml"], $"base_model: {Model("llama-a")}\ngate_mode: random\nexperts:\n  - source_model: {Model("llama-a")}\n  - source_model: {Model("llama-b")}\n");
        Ok("moe", _folder["moe.yml"], _folder["out"], "--moe-layout", "fused", "--seed", "3");
        using Checkpoint mixture = CheckpointReader.Open(_folder["out"]);
        Assert.Equal([2, 80, 24], mixture.Tensors["model.layers.0.mlp.experts.gate_up_proj"].Info.Shape);
        (int code, _, string error) = CommandLine.Run("moe", _folder["moe.yml"], _folder["out"]);
        Assert.Equal(1, code);
        Assert.Contains("--overwrite", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lora extract")]
    [InlineData("fill")]
    [InlineData("shuffle")]
    [InlineData("layer-swap")]
    [InlineData("change-map")]
    [InlineData("merge-raw")]
    [InlineData("moe")]
    public void Help_shows_an_example(string verb)
    {
        (int code, string output, _) = CommandLine.Run([.. verb.Split(' '), "--help"]);
        Assert.Equal(0, code);
        Assert.Contains("Examples:", output, StringComparison.Ordinal);
    }

    private static string Model(string name) => Golden.Folder("weights", "models", name);

    private static (TensorInfo, byte[]) Tensor(string name, float value) => (new TensorInfo(name, DType.F32, [1]), BitConverter.GetBytes(value));

    private static (string Output, string Error) Ok(params string[] arguments)
    {
        (int code, string output, string error) = CommandLine.Run(arguments);
        Assert.True(code == 0, error);
        return (output, error);
    }

    private static void AssertClose(Checkpoint expected, Checkpoint actual, double absolute, double relative = 0)
    {
        Assert.Equal(expected.Tensors.Keys.Order(StringComparer.Ordinal), actual.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, TensorSource tensor) in expected.Tensors)
        {
            float[] wanted = tensor.ReadSingles(), found = actual.Tensors[name].ReadSingles();
            Assert.Equal(wanted.Length, found.Length);
            for (int i = 0; i < wanted.Length; i++)
                Assert.True(Math.Abs(wanted[i] - found[i]) <= absolute + (relative * Math.Abs(wanted[i])), $"{name}[{i}]: {wanted[i]} expected, {found[i]} found");
        }
    }
}
