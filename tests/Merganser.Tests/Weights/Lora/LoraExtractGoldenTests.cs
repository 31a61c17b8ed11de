using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights.Lora;

namespace Merganser.Tests.Weights.Lora;

/// <summary>
/// Adapters that mergekit extracted. The folders hold no arguments: they follow from the result (which modules are whole, the
/// rank) and from the spec (<c>_embed</c>: embeddings decomposed, scale in A alone).
/// </summary>
public sealed class LoraExtractGoldenTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> Cases()
    {
        var data = new TheoryData<string>();
        foreach (string folder in Directory.GetDirectories(Golden.Folder("weights", "tools"), "extract_lora*").Order(StringComparer.Ordinal))
            data.Add(Path.GetFileName(folder));
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_products_equal_those_of_mergekit(string name)
    {
        string expectedFolder = Golden.Folder("weights", "tools", name, "expected");
        JsonNode expectedConfig = JsonNode.Parse(File.ReadAllText(Path.Combine(expectedFolder, "adapter_config.json")))!;
        bool embed = name.EndsWith("_embed", StringComparison.Ordinal);
        using ModelFolder model = ModelFolder.Open(Golden.Folder("weights", "models", "llama-a"));
        using ModelFolder baseModel = ModelFolder.Open(Golden.Folder("weights", (string)expectedConfig["base_model_name_or_path"]!));
        var options = new LoraExtractOptions { MaxRank = (int)expectedConfig["r"]!, EmbedLora = embed, DistributeScale = !embed };
        LoraExtractor.Extract(baseModel, model, _folder["adapter"], options);

        using Checkpoint expected = CheckpointReader.Open(Path.Combine(expectedFolder, "adapter_model.safetensors"));
        using Checkpoint actual = CheckpointReader.Open(_folder["adapter/adapter_model.safetensors"]);
        // mergekit drops the head altogether when embeddings are decomposed; ours keeps it.
        string[] extra = [.. actual.Tensors.Keys.Except(expected.Tensors.Keys).Order(StringComparer.Ordinal)];
        Assert.Equal(embed ? ["base_model.model.lm_head.lora_A.weight", "base_model.model.lm_head.lora_B.weight"] : [], extra);
        Assert.Empty(expected.Tensors.Keys.Except(actual.Tensors.Keys));
        foreach ((string tensor, TensorSource source) in expected.Tensors)
        {
            Assert.True(source.Info.SameShape(actual.Tensors[tensor].Info), tensor);
            string? partner = tensor.Contains(".lora_A", StringComparison.Ordinal) ? tensor.Replace(".lora_A", ".lora_B", StringComparison.Ordinal)
                : tensor.Contains(".lora_embedding_A", StringComparison.Ordinal) ? tensor.Replace("_A", "_B", StringComparison.Ordinal) : null;
            if (partner is not null)
                AssertClose(tensor, Product(expected.Tensors[partner], source), Product(actual.Tensors[partner], actual.Tensors[tensor]), 1e-4);
            else if (!tensor.Contains(".lora_", StringComparison.Ordinal))
                AssertClose(tensor, source.ReadSingles(), actual.Tensors[tensor].ReadSingles(), 0);
        }

        JsonNode config = JsonNode.Parse(File.ReadAllText(_folder["adapter/adapter_config.json"]))!;
        foreach (string key in (string[])["peft_type", "task_type", "r", "lora_alpha", "use_rslora", "fan_in_fan_out", "inference_mode", "rank_pattern", "alpha_pattern"])
            Assert.True(JsonNode.DeepEquals(expectedConfig[key], config[key]), key);
        Assert.Equal([.. Words(expectedConfig["target_modules"]).Concat(embed ? ["lm_head"] : []).Order(StringComparer.Ordinal)], Words(config["target_modules"]));
        Assert.Equal(Words(expectedConfig["modules_to_save"]).Order(StringComparer.Ordinal), Words(config["modules_to_save"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_adapter_of_full_rank_gives_the_model_back(bool embed)
    {
        using ModelFolder model = ModelFolder.Open(Golden.Folder("weights", "models", "llama-a"));
        using ModelFolder baseModel = ModelFolder.Open(Golden.Folder("weights", "models", "llama-base"));
        LoraExtractReport report = LoraExtractor.Extract(baseModel, model, _folder["adapter"], new LoraExtractOptions { EmbedLora = embed });
        Assert.Equal(24, report.Rank);
        var owned = new List<IDisposable>();
        foreach ((string name, TensorSource tensor) in LoraOverlay.Overlay(baseModel, _folder["adapter"], owned))
            AssertClose(name, model.Weights.Tensors[name].ReadSingles(), tensor.ReadSingles(), 1e-5);
        owned.ForEach(item => item.Dispose());
    }

    private static string[] Words(JsonNode? array) => [.. array!.AsArray().Select(word => (string)word!)];

    /// <summary>B·A for matrices of any orientation: B [n, r], A [r, m].</summary>
    private static float[] Product(TensorSource b, TensorSource a)
    {
        float[] left = b.ReadSingles(), right = a.ReadSingles();
        int rank = (int)a.Info.Shape[0], rows = (int)b.Info.Shape[0], columns = (int)a.Info.Shape[1];
        float[] result = new float[rows * columns];
        for (int i = 0; i < result.Length; i++)
        {
            double sum = 0;
            for (int k = 0; k < rank; k++)
                sum += (double)left[(i / columns * rank) + k] * right[(k * columns) + (i % columns)];
            result[i] = (float)sum;
        }

        return result;
    }

    private static void AssertClose(string name, float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"{name}[{i}]: {expected[i]} expected, {actual[i]} found");
    }
}
