using System.Numerics.Tensors;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Moe;

namespace Merganser.Tests.Weights.Moe;

public sealed class HiddenGatesTests : IDisposable
{
    private const int Layers = 2, Width = 16;
    private static readonly string Models = Golden.Folder("weights", "models");
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_command_makes_a_mixture_with_hidden_gates_from_text()
    {
        File.WriteAllText(_folder["moe.yml"], $$"""
            base_model: {{Models}}/tok-a
            experts:
              - source_model: {{Models}}/tok-a
                positive_prompts: ["ab cd", "a"]
              - source_model: {{Models}}/tok-b
                positive_prompts: ["ef gh", "j"]
                negative_prompts: ["ab"]
            """);
        (int code, _, string error) = CommandLine.Run("moe", _folder["moe.yml"], _folder["out"], "--threads", "2");
        Assert.True(code == 0, error);
        using Checkpoint mixture = CheckpointReader.Open(_folder["out"]);
        using ModelFolder model = ModelFolder.Open(Path.Combine(Models, "tok-a"));
        MoePrompt[] Text(params string[] prompts) => [.. MoePrompts.Tokenize(
            MoeConfigReader.Read("base_model: a\nexperts: [{source_model: a, positive_prompts: [" + string.Join(", ", prompts.Select(p => $"\"{p}\"")) + "]}]", "x"),
            new Merganser.Weights.Recipes.OpenModel(Merganser.Weights.Recipes.ModelReference.Parse("a"), model, model.Weights.Tensors)).Experts[0].PositivePrompts];
        for (int layer = 0; layer < Layers; layer++)
        {
            float[] router = mixture.Tensors[$"model.layers.{layer}.block_sparse_moe.gate.weight"].ReadSingles();
            double[] first = Unit(Last(model, Text("ab cd", "a"), layer));
            double[] second = Unit(Subtract(Last(model, Text("ef gh", "j"), layer), Last(model, Text("ab"), layer)));
            Near(first, router.AsSpan(0, Width));
            Near(second, router.AsSpan(Width));
        }

    }

    [Fact]
    public void The_average_divides_by_the_longest_prompt_of_the_list()
    {
        float[][] routers = Routers("hidden_avg", "positive_prompts: [[1, 5, 9, 4], [1, 6]]", "positive_prompts: [[1, 7]]\n    negative_prompts: [[1, 5, 3]]");
        using ModelFolder model = ModelFolder.Open(Path.Combine(Models, "tok-a"));
        for (int layer = 0; layer < Layers; layer++)
        {
            double[] Mean(int padded, params int[] ids) => Scale(States(model, ids, layer).Aggregate(Add), 1.0 / padded);
            Near(Unit(Add(Mean(4, 1, 5, 9, 4), Mean(4, 1, 6))), routers[layer].AsSpan(0, Width));
            Near(Unit(Subtract(Mean(2, 1, 7), Mean(3, 1, 5, 3))), routers[layer].AsSpan(Width));
        }
    }

    [Fact]
    public void The_last_token_is_the_default_and_prompts_do_not_see_each_other()
    {
        string a = "positive_prompts: [[1, 5, 9, 4], [1, 6]]", b = "positive_prompts: [[1, 7, 8]]";
        float[][] hidden = Routers("hidden", a, b), last = Routers("hidden_last", a, b), alone = Routers("hidden", "positive_prompts: [[1, 6]]", b);
        for (int layer = 0; layer < Layers; layer++)
        {
            Assert.Equal(hidden[layer], last[layer]);
            Assert.Equal(hidden[layer][Width..], alone[layer][Width..]);
            Assert.NotEqual(hidden[layer][..Width], alone[layer][..Width]);
            Assert.Equal(1, TensorPrimitives.Norm(hidden[layer].AsSpan(0, Width)), 1e-5f);
        }

        Assert.NotEqual(hidden[0], hidden[1]);
    }

    [Fact]
    public void Threads_do_not_change_routers()
    {
        string a = "positive_prompts: [[1, 5, 9, 4], [1, 6]]", b = "positive_prompts: [[1, 7, 8]]";
        Assert.Equal(Routers("hidden", a, b, threads: 1), Routers("hidden", a, b, threads: 5));
    }

    [Fact]
    public void Prompts_that_end_alike_are_warned_of()
    {
        using MergePlan plan = Plan("hidden", "positive_prompts: [[1, 5, 9, 4, 3]]", "positive_prompts: [[1, 5, 9, 4, 3], [1, 5, 9, 4, 3]]");
        Assert.Contains(plan.Warnings, warning => warning.Contains("condition number", StringComparison.Ordinal));
    }

    [Fact]
    public void A_matrix_on_the_disk_gives_the_same_products_whatever_its_type_and_width()
    {
        var random = new Random(3);
        foreach ((int rows, int columns, int tokens, DType type) in ((int, int, int, DType)[])[(1, 1, 1, DType.F32), (50, 1029, 5, DType.BF16), (97, 33, 4, DType.F16), (3, 2050, 9, DType.F32)])
        {
            MemoryTensor weight = MemoryTensor.Of("w", [rows, columns], Normal(random, rows * columns), type);
            float[] x = Normal(random, tokens * columns), bias = Normal(random, rows), y = new float[tokens * rows], w = MemoryTensor.Values(weight);
            StreamedProduct.Multiply(weight, bias, x, tokens, y, 2);
            for (int token = 0; token < tokens; token++)
            {
                for (int row = 0; row < rows; row++)
                {
                    double sum = bias[row], size = 1;
                    for (int k = 0; k < columns; k++)
                    {
                        sum += x[(token * columns) + k] * (double)w[(row * columns) + k];
                        size += Math.Abs(x[(token * columns) + k] * (double)w[(row * columns) + k]);
                    }

                    Assert.True(Math.Abs(sum - y[(token * rows) + row]) <= 2e-6 * size, $"{rows}x{columns}, token {token}, row {row}");
                }
            }
        }
    }

    [Theory]
    [InlineData("rope_theta", """{"rope_type": "longer"}""", "rope_scaling", "longer")]
    [InlineData("rope_theta", """{"rope_type": "linear"}""", "rope_scaling", "factor")]
    [InlineData("num_attention_heads", "0", null, "num_attention_heads")]
    [InlineData("num_attention_heads", "3", null, "num_key_value_heads|num_attention_heads|q_proj")]
    [InlineData("num_attention_heads", "4", null, "q_proj")]
    [InlineData("head_dim", "7", null, "head_dim")]
    [InlineData("hidden_act", "\"relu\"", null, "relu")]
    [InlineData("rms_norm_eps", "\"x\"", null, "rms_norm_eps")]
    public void Configurations_that_cannot_be_run_are_refused_in_one_line(string key, string value, string? other, string expected)
    {
        using ModelFolder model = ModelFolder.Open(Path.Combine(Models, "tok-a"));
        Directory.CreateDirectory(_folder["base"]);
        JsonObject config = model.Config.DeepClone().AsObject();
        config[other ?? key] = JsonNode.Parse(value);
        foreach (string file in Directory.GetFiles(model.Path))
            File.Copy(file, _folder["base/" + Path.GetFileName(file)]);
        File.SetAttributes(_folder["base/config.json"], FileAttributes.Normal);
        File.WriteAllText(_folder["base/config.json"], config.ToJsonString());
        MerganserException error = Assert.Throws<MerganserException>(() => Plan("hidden", "positive_prompts: [[1, 5]]", "positive_prompts: [[1, 7]]", baseModel: _folder["base"]).Dispose());
        Assert.Matches(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Models_of_other_kinds_and_prompts_without_tokens_are_refused_in_one_line()
    {
        using ModelFolder model = ModelFolder.Open(Golden.Folder("models", "hf-gpt2-base"));
        Assert.Contains("gpt2", Assert.Throws<MerganserException>(() => CausalShape.Read(model, 2, 32)).Message, StringComparison.Ordinal);
        MerganserException error = Assert.Throws<MerganserException>(() => Plan("hidden", "positive_prompts: [[1, 500]]", "positive_prompts: [[1, 7]]").Dispose());
        Assert.Contains("token 500", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<MerganserException>(() => Plan("hidden", "positive_prompts: [[]]", "positive_prompts: [[1, 7]]").Dispose());
        Assert.Contains("no tokens", error.Message, StringComparison.Ordinal);
    }

    private static float[] Normal(Random random, int count) => MemoryTensor.Values(MemoryTensor.Random(random, "x", count));

    private static double[][] States(ModelFolder model, IReadOnlyCollection<int> ids, int layer)
    {
        var forward = new CausalForward(CausalShape.Read(model, Layers, Width), name => model.Weights.Tensors.GetValueOrDefault(name), model.Path, 1);
        double[][] states = [];
        forward.Run([new CausalPrompt([.. ids], ids.Count)], Layers, (at, values) =>
        {
            if (at == layer)
                states = [.. values.Chunk(Width).Select(row => row.Select(value => (double)value).ToArray())];
        });
        return states;
    }

    private static double[] Last(ModelFolder model, MoePrompt[] prompts, int layer) =>
        Scale(prompts.Select(prompt => States(model, prompt.Tokens, layer)[^1]).Aggregate(Add), 1.0 / prompts.Length);

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static double[] Subtract(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x - y)];

    private static double[] Scale(double[] a, double factor) => [.. a.Select(x => x * factor)];

    private static double[] Unit(double[] a) => Scale(a, 1 / Math.Sqrt(a.Sum(x => x * x)));

    private static void Near(double[] expected, ReadOnlySpan<float> actual)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 2e-5);
    }

    private MergePlan Plan(string mode, string first, string second, int threads = 2, string? baseModel = null)
    {
        string recipe = $"base_model: {baseModel ?? Path.Combine(Models, "tok-a")}\ngate_mode: {mode}\nexperts:\n  - source_model: {Models}/tok-a\n    {first}\n  - source_model: {Models}/tok-b\n    {second}\n";
        return MoePlanner.Plan(MoeConfigReader.Read(recipe, "moe.yml"), new MoeOptions { WorkingFolder = _folder.Path, Threads = threads });
    }

    private float[][] Routers(string mode, string first, string second, int threads = 2)
    {
        using MergePlan plan = Plan(mode, first, second, threads);
        return [.. Enumerable.Range(0, Layers).Select(layer => plan.Jobs.Single(job => job.Output.Name == $"model.layers.{layer}.block_sparse_moe.gate.weight").Inputs[0]!.ReadSingles())];
    }
}
