using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Moe;

namespace Merganser.Tests.Weights.Moe;

public sealed class MoePlannerTests : IDisposable
{
    private const int Hidden = 6, Inner = 8, Vocabulary = 10;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Experts_are_copied_bit_by_bit_in_the_split_layout()
    {
        Save("a", "llama", 1);
        Save("b", "mistral", 2);
        using Checkpoint mixture = Run(Recipe("random", "a", "b"));
        using Checkpoint a = CheckpointReader.Open(_folder["a"]), b = CheckpointReader.Open(_folder["b"]);
        Assert.Equal(b.Tensors["model.layers.1.mlp.gate_proj.weight"].ReadBytes(), mixture.Tensors["model.layers.1.block_sparse_moe.experts.1.w1.weight"].ReadBytes());
        Assert.Equal(a.Tensors["model.layers.0.mlp.up_proj.weight"].ReadBytes(), mixture.Tensors["model.layers.0.block_sparse_moe.experts.0.w3.weight"].ReadBytes());
        Assert.Equal(b.Tensors["model.layers.0.mlp.down_proj.weight"].ReadBytes(), mixture.Tensors["model.layers.0.block_sparse_moe.experts.1.w2.weight"].ReadBytes());
        Assert.Equal(a.Tensors["model.embed_tokens.weight"].ReadBytes(), mixture.Tensors["model.embed_tokens.weight"].ReadBytes());
        Assert.Equal([2, Hidden], mixture.Tensors["model.layers.0.block_sparse_moe.gate.weight"].Info.Shape);
        Assert.DoesNotContain(mixture.Tensors.Keys, name => name.Contains(".mlp.", StringComparison.Ordinal));
    }

    [Fact]
    public void Both_layouts_hold_the_same_numbers()
    {
        Save("a", "llama", 1);
        Save("b", "llama", 2);
        string recipe = Recipe("random", "a", "b").Replace("source_model: ./b", "source_model: ./b\n    noise_scale: 0.1\n    residual_scale: 0.5", StringComparison.Ordinal);
        using Checkpoint split = Run(recipe, "split");
        using Checkpoint fused = Run(recipe, "fused", MoeLayout.Fused);
        byte[] gateUp = fused.Tensors["model.layers.1.mlp.experts.gate_up_proj"].ReadBytes();
        int half = Inner * Hidden * sizeof(float);
        Assert.Equal(gateUp[(2 * half)..(3 * half)], split.Tensors["model.layers.1.block_sparse_moe.experts.1.w1.weight"].ReadBytes());
        Assert.Equal(gateUp[(3 * half)..], split.Tensors["model.layers.1.block_sparse_moe.experts.1.w3.weight"].ReadBytes());
        Assert.Equal(fused.Tensors["model.layers.1.mlp.experts.down_proj"].ReadBytes()[half..], split.Tensors["model.layers.1.block_sparse_moe.experts.1.w2.weight"].ReadBytes());
    }

    [Fact]
    public void Noise_and_routers_follow_the_seed()
    {
        Save("a", "llama", 1);
        Save("b", "llama", 2);
        string recipe = Recipe("uniform_random", "a", "b").Replace("source_model: ./b", "source_model: ./b\n    noise_scale: 0.1", StringComparison.Ordinal);
        using Checkpoint first = Run(recipe, "first"), again = Run(recipe, "again"), other = Run(recipe, "other", seed: 9);
        foreach (string name in (string[])["model.layers.0.block_sparse_moe.gate.weight", "model.layers.1.block_sparse_moe.experts.1.w1.weight"])
        {
            Assert.Equal(first.Tensors[name].ReadBytes(), again.Tensors[name].ReadBytes());
            Assert.NotEqual(first.Tensors[name].ReadBytes(), other.Tensors[name].ReadBytes());
        }

        Assert.All(first.Tensors["model.layers.0.block_sparse_moe.gate.weight"].ReadSingles(), value => Assert.InRange(value, -1 / Math.Sqrt(Hidden), 1 / Math.Sqrt(Hidden)));
        Assert.NotEqual(first.Tensors["model.layers.0.block_sparse_moe.gate.weight"].ReadBytes(), first.Tensors["model.layers.1.block_sparse_moe.gate.weight"].ReadBytes());
    }

    [Fact]
    public void Qwen_gets_its_shared_expert_its_gate_and_biases()
    {
        Save("a", "llama", 1);
        Save("b", "llama", 2);
        using Checkpoint mixture = Run(Recipe("random", "a", "b") + "shared_experts:\n  - source_model: ./b\narchitecture: qwen\n");
        Assert.Equal([1, Hidden], mixture.Tensors["model.layers.0.mlp.shared_expert_gate.weight"].Info.Shape);
        Assert.All(mixture.Tensors["model.layers.0.self_attn.q_proj.bias"].ReadSingles(), value => Assert.Equal(0, value));
        using Checkpoint b = CheckpointReader.Open(_folder["b"]);
        Assert.Equal(b.Tensors["model.layers.0.mlp.up_proj.weight"].ReadBytes(), mixture.Tensors["model.layers.0.mlp.shared_expert.up_proj.weight"].ReadBytes());
        JsonNode config = JsonNode.Parse(File.ReadAllText(_folder["out/config.json"]))!;
        Assert.Equal("qwen2_moe", (string)config["model_type"]!);
        Assert.Equal(Inner, (int)config["shared_expert_intermediate_size"]!);
        Assert.Equal(2, (int)config["num_experts"]!);
    }

    [Fact]
    public void Deepseek_is_chosen_for_one_shared_expert_and_qwen3_for_qwen3_models()
    {
        Save("a", "llama", 1);
        Save("b", "llama", 2);
        using (Checkpoint mixture = Run(Recipe("random", "a", "b") + "shared_experts:\n  - source_model: ./b\narchitecture: deep\n"))
            Assert.Contains("model.layers.0.mlp.shared_experts.up_proj.weight", mixture.Tensors.Keys);
        Assert.Equal(1, (int)JsonNode.Parse(File.ReadAllText(_folder["out/config.json"]))!["num_experts_per_tok"]!);
        Save("c", "qwen3", 3);
        Save("d", "qwen3", 4);
        using (Checkpoint mixture = Run(Recipe("random", "c", "d"), "q3"))
            Assert.Contains("model.layers.1.mlp.experts.1.down_proj.weight", mixture.Tensors.Keys);
        Assert.Equal("qwen3_moe", (string)JsonNode.Parse(File.ReadAllText(_folder["q3/config.json"]))!["model_type"]!);
    }

    [Fact]
    public void Routers_that_cannot_tell_experts_apart_are_warned_of()
    {
        Save("a", "llama", 1);
        Save("b", "llama", 2);
        string recipe = Recipe("cheap_embed", "a", "b").Replace("source_model: ./a", "source_model: ./a\n    positive_prompts: [[1, 2, 3]]", StringComparison.Ordinal)
            .Replace("source_model: ./b", "source_model: ./b\n    positive_prompts: [[1, 2, 3], [1, 2, 3, 3, 2, 1]]", StringComparison.Ordinal);
        using MergePlan plan = MoePlanner.Plan(MoeConfigReader.Read(recipe, "moe.yml"), new MoeOptions { WorkingFolder = _folder.Path });
        Assert.Contains(plan.Warnings, warning => warning.Contains("condition number", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("gate_mode: random", "", "positive_prompts")]
    [InlineData("gate_mode: random", "gate_mode: hidden_avg", "positive_prompts")]
    [InlineData("gate_mode: random", "gate_mode: randon", "random")]
    [InlineData("gate_mode: random", "gate_mode: cheap_embed", "positive_prompts")]
    [InlineData("gate_mode: random", "gate_mode: random\nexperts_per_token: 3", "moe.yml:3:20")]
    [InlineData("gate_mode: random", "gate_mode: random\nexperts_per_token: 0", "experts_per_token")]
    [InlineData("gate_mode: random", "gate_mode: random\ndtype: int8", "dtype")]
    [InlineData("gate_mode: random", "gate_mode: random\nexpert: 1", "experts")]
    [InlineData("gate_mode: random", "gate_mode: random\narchitecture: qwen3", "qwen3")]
    [InlineData("gate_mode: random", "gate_mode: random\narchitecture: gpt", "mixtral")]
    [InlineData("gate_mode: random", "gate_mode: random\nshared_experts: [{source_model: ./a}, {source_model: ./a}]", "shared")]
    [InlineData("./b", "./nowhere", "nowhere")]
    [InlineData("./b", "./a", "same model")]
    [InlineData("./b", "./wide", "shapes")]
    [InlineData("source_model: ./b", "source_model: ./b\n    noise_scale: -1", "noise_scale")]
    [InlineData("source_model: ./b", "model: ./b", "source_model")]
    [InlineData("source_model: ./b", "source_model: ./b\n    positive_prompts: [[1, x]]", "token")]
    [InlineData("source_model: ./b", "source_model: ./b\n    positive_prompts: [[]]", "no tokens")]
    public void Bad_recipes_are_refused_in_one_line(string old, string replacement, string expected)
    {
        Save("a", "llama", 1);
        Save("b", "llama", 2);
        Save("wide", "llama", 2, Inner + 1);
        string recipe = Recipe("random", "a", "b").Replace(old, replacement, StringComparison.Ordinal);
        MerganserException error = Assert.Throws<MerganserException>(() => MoePlanner.Plan(MoeConfigReader.Read(recipe, "moe.yml"), new MoeOptions { WorkingFolder = _folder.Path }).Dispose());
        Assert.Matches(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Prompts_of_text_and_ids_outside_the_vocabulary_are_refused()
    {
        Save("a", "llama", 1);
        Save("b", "llama", 2);
        string Prompted(string prompt) => Recipe("cheap_embed", "a", "b").Replace("source_model: ./a", $"source_model: ./a\n    positive_prompts: [{prompt}]", StringComparison.Ordinal)
            .Replace("source_model: ./b", "source_model: ./b\n    positive_prompts: [[1]]", StringComparison.Ordinal);
        string Error(string recipe) => Assert.Throws<MerganserException>(() => MoePlanner.Plan(MoeConfigReader.Read(recipe, "moe.yml"), new MoeOptions { WorkingFolder = _folder.Path })).Message;
        Assert.Contains("tokenizer", Error(Prompted("\"write code\"")), StringComparison.Ordinal);
        Assert.Contains("token 10", Error(Prompted("[10]")), StringComparison.Ordinal);
        Assert.Contains("same prompts", Error(Prompted("[1]")), StringComparison.Ordinal);
    }

    private static string Recipe(string mode, string first, string second) =>
        $"base_model: ./{first}\ngate_mode: {mode}\nexperts:\n  - source_model: ./{first}\n  - source_model: ./{second}\n";

    private Checkpoint Run(string recipe, string output = "out", MoeLayout layout = MoeLayout.Split, ulong seed = 0)
    {
        using MergePlan plan = MoePlanner.Plan(MoeConfigReader.Read(recipe, "moe.yml"), new MoeOptions { WorkingFolder = _folder.Path, Layout = layout, Seed = seed });
        MergeExecutor.Run(plan, _folder[output], new MergeRunOptions { Overwrite = true });
        return CheckpointReader.Open(_folder[output]);
    }

    private void Save(string name, string type, int seed, int inner = Inner)
    {
        var random = new Random(seed);
        var tensors = new List<MemoryTensor> { MemoryTensor.Random(random, "model.embed_tokens.weight", Vocabulary, Hidden), MemoryTensor.Random(random, "model.norm.weight", Hidden) };
        for (int layer = 0; layer < 2; layer++)
        {
            string prefix = $"model.layers.{layer}.";
            foreach (string part in (string[])["q_proj", "k_proj", "v_proj", "o_proj"])
                tensors.Add(MemoryTensor.Random(random, $"{prefix}self_attn.{part}.weight", Hidden, Hidden));
            tensors.Add(MemoryTensor.Random(random, $"{prefix}mlp.gate_proj.weight", inner, Hidden));
            tensors.Add(MemoryTensor.Random(random, $"{prefix}mlp.up_proj.weight", inner, Hidden));
            tensors.Add(MemoryTensor.Random(random, $"{prefix}mlp.down_proj.weight", Hidden, inner));
        }

        Directory.CreateDirectory(_folder[name]);
        SafetensorsFile.Write(_folder[$"{name}/model.safetensors"], tensors.Select(tensor => (tensor.Info, tensor.ReadBytes())));
        File.WriteAllText(_folder[$"{name}/config.json"], $$"""{"architectures": ["X"], "model_type": "{{type}}", "hidden_size": {{Hidden}}, "intermediate_size": {{inner}}, "num_hidden_layers": 2}""");
    }
}
