using System.Text.Json.Nodes;
using System.Xml.Linq;
using Merganser.Checkpoints;

namespace Merganser.Tests.Checkpoints;

/// <summary>The verbs inspect, diff and convert through the command line.</summary>
public sealed class InspectVerbsTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Model(string name) => Golden.Folder("weights", "models", name);

    private static string Succeed(params string[] arguments)
    {
        (int code, string output, string error) = CommandLine.Run(arguments);
        Assert.True(code == 0, error);
        return output;
    }

    private static string Fail(int code, params string[] arguments)
    {
        (int exit, string output, string error) = CommandLine.Run(arguments);
        Assert.Equal(code, exit);
        Assert.Equal("", output);
        string line = Assert.Single(error.TrimEnd().Split('\n'));
        Assert.StartsWith("merganser", line);
        return line;
    }

    [Fact]
    public void Inspect_names_architecture_parameters_and_every_tensor()
    {
        string output = Succeed("inspect", Model("llama-a"));
        Assert.Contains("LlamaForCausalLM (llama)", output);
        Assert.Contains("17,064 in 30 tensors", output);
        Assert.Contains("lm_head.weight is a tensor of its own", output);
        Assert.Equal(30, output.Split('\n').Count(line => line.Contains(" F32 ") && line.Contains('[')));
    }

    [Fact]
    public void Inspect_tells_of_tied_weights_and_shards()
    {
        Assert.Contains("tied to the embedding", Succeed("inspect", Model("llama-tied-a"), "--summary"));
        Assert.Contains("model-00003-of-00003.safetensors", Succeed("inspect", Model("llama-c-sharded"), "--summary"));
    }

    [Fact]
    public void Inspect_counts_what_is_not_finite()
    {
        SafetensorsFile.Write(_folder["w.safetensors"], [(new TensorInfo("w", DType.F32, [3]), TensorSources.ToBytes([float.NaN, 2, float.PositiveInfinity]))]);
        Assert.Contains("2 elements in 1 tensors", Succeed("inspect", _folder["w.safetensors"], "--stats"));
        JsonNode json = JsonNode.Parse(Succeed("inspect", _folder["w.safetensors"], "--stats", "--json"))!;
        JsonNode tensor = json["tensors"]![0]!;
        Assert.Equal((1, 1, 2), ((int)tensor["nan"]!, (int)tensor["inf"]!, (int)tensor["max"]!));
    }

    [Fact]
    public void Inspect_filters_by_name()
    {
        JsonNode json = JsonNode.Parse(Succeed("inspect", Model("llama-a"), "--json", "--filter", "layers.1.mlp"))!;
        Assert.Equal(3, json["tensors"]!.AsArray().Count);
        Assert.Contains("no tensor", Fail(1, "inspect", Model("llama-a"), "--filter", "nothing"));
    }

    [Fact]
    public void Inspect_shows_a_folder_whose_layers_are_not_all_there()
    {
        File.Copy(Path.Join(Model("llama-a"), "model.safetensors"), _folder["model.safetensors"]);
        File.WriteAllText(_folder["config.json"], """{"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 9}""");
        Assert.Contains("3 (config.json says 9)", Succeed("inspect", _folder.Path, "--summary"));
    }

    [Fact]
    public void Diff_finds_the_changed_tensor_and_draws_it()
    {
        string output = Succeed("diff", Model("llama-base"), Model("llama-a"), "--svg", _folder["heat.svg"]);
        Assert.Contains("30 tensors in both, 0 of them equal", output);
        Assert.Equal("svg", XDocument.Load(_folder["heat.svg"]).Root!.Name.LocalName);
        JsonNode json = JsonNode.Parse(Succeed("diff", Model("llama-base"), Model("llama-a"), "--json"))!;
        double[] norms = [.. json["tensors"]!.AsArray().Select(tensor => (double)tensor!["relative_norm"]!)];
        Assert.Equal(norms.OrderDescending(), norms);
    }

    [Fact]
    public void Diff_fails_on_differences_only_when_asked()
    {
        Assert.Equal(0, CommandLine.Run("diff", Model("llama-base"), Model("llama-a")).ExitCode);
        Assert.Equal(1, CommandLine.Run("diff", Model("llama-base"), Model("llama-a"), "--exit-code").ExitCode);
        Assert.Equal(0, CommandLine.Run("diff", Model("llama-a"), Model("llama-a"), "--exit-code").ExitCode);
    }

    [Fact]
    public void Diff_lists_tensors_whose_shapes_differ() =>
        Assert.Contains("shape: lm_head.weight [64, 24] and [69, 24]", Succeed("diff", Model("llama-a"), Model("llama-vocab69")));

    [Fact]
    public void Convert_there_and_back_changes_nothing_that_fits()
    {
        Succeed("convert", Model("llama-bf16-a"), _folder["wide"], "--dtype", "float32", "--shard-size", "20kB");
        Succeed("convert", _folder["wide"], _folder["back"], "--dtype", "bfloat16");
        Assert.Equal(0, CommandLine.Run("diff", Model("llama-bf16-a"), _folder["back"], "--exit-code").ExitCode);
        Assert.True(File.Exists(Path.Join(_folder["wide"], "model.safetensors.index.json")));
    }

    [Fact]
    public void Convert_writes_gguf_that_inspect_reads()
    {
        Succeed("convert", Model("tok-a"), _folder["a.gguf"], "--gguf", "q8_0");
        Assert.Contains("21 tensors", Succeed("inspect", _folder["a.gguf"], "--summary"));
        Assert.Contains("--overwrite", Fail(1, "convert", Model("tok-a"), _folder["a.gguf"], "--gguf"));
        Succeed("convert", Model("tok-a"), _folder["a.gguf"], "--gguf", "--overwrite");
    }

    [Fact]
    public void Wrong_options_are_named()
    {
        Assert.Contains("'float12'", Fail(1, "convert", Model("tok-a"), _folder["x"], "--dtype", "float12"));
        Assert.Contains("'int64'", Fail(1, "convert", Model("tok-a"), _folder["x"], "--dtype", "int64"));
        Assert.Contains("'big'", Fail(1, "convert", Model("tok-a"), _folder["x"], "--shard-size", "big"));
        Assert.Contains("'q4_k'", Fail(1, "convert", Model("tok-a"), _folder["x"], "--gguf", "q4_k"));
        Assert.Contains("exclude", Fail(1, "convert", Model("tok-a"), _folder["x"], "--gguf", "f16", "--dtype", "float16"));
        Assert.Contains("no such", Fail(1, "inspect", _folder["missing"]));
        Assert.Contains("no such", Fail(1, "diff", Model("tok-a"), _folder["missing"]));
        Fail(2, "inspect");
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData("inspect")]
    [InlineData("diff")]
    [InlineData("convert")]
    public void Help_ends_with_examples(string verb)
    {
        string help = Succeed(verb, "--help");
        Assert.Contains($"merganser {verb} ", help[help.IndexOf("Examples:", StringComparison.Ordinal)..]);
    }
}
