using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights.Lora;

namespace Merganser.Tests.Weights.Lora;

/// <summary>Every adapter among the golden models, applied to the base that it names.</summary>
public sealed class LoraGoldenTests
{
    public static TheoryData<string> Adapters()
    {
        var data = new TheoryData<string>();
        foreach (string folder in Directory.GetDirectories(Golden.Folder("weights", "models")).Order(StringComparer.Ordinal))
        {
            if (File.Exists(Path.Combine(folder, AdapterConfig.FileName)))
                data.Add(Path.GetFileName(folder));
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public void The_overlay_equals_the_straight_product(string name)
    {
        string folder = Golden.Folder("weights", "models", name);
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, AdapterConfig.FileName)))!;
        string basePath = Golden.Folder("weights", (string)config["base_model_name_or_path"]!);
        double scale = (double)config["lora_alpha"]! / (double)config["r"]!;
        using Checkpoint weights = CheckpointReader.Open(basePath);
        using Checkpoint adapter = CheckpointReader.Open(Path.Combine(folder, "adapter_model.safetensors"));
        using var model = new ModelFolder(basePath, [], weights);
        var owned = new List<IDisposable>();
        IReadOnlyDictionary<string, TensorSource> adapted = LoraOverlay.Overlay(model, folder, owned);

        int changed = 0;
        foreach ((string tensor, TensorSource source) in adapted)
        {
            float[] expected = MemoryTensor.Values(weights.Tensors[tensor]);
            string module = "base_model.model." + tensor[..tensor.LastIndexOf('.')];
            if (adapter.Tensors.TryGetValue(module + ".lora_A.weight", out TensorSource? a))
            {
                float[] right = MemoryTensor.Values(a), left = MemoryTensor.Values(adapter.Tensors[module + ".lora_B.weight"]);
                int rank = (int)a.Info.Shape[0], columns = (int)a.Info.Shape[1];
                for (int i = 0; i < expected.Length; i++)
                {
                    double sum = 0;
                    for (int k = 0; k < rank; k++)
                        sum += (double)left[(i / columns * rank) + k] * right[(k * columns) + (i % columns)];
                    expected[i] = (float)(expected[i] + (scale * sum));
                }

                changed++;
            }

            float[] values = MemoryTensor.Values(source);
            for (int i = 0; i < values.Length; i++)
                Assert.Equal(expected[i], values[i], 1e-6 + (1e-5 * Math.Abs(expected[i])));
        }

        Assert.Equal(adapter.Tensors.Count / 2, changed);
        owned.ForEach(item => item.Dispose());
    }
}
