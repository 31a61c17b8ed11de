using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;

namespace Merganser.Neural.Tests.Models;

/// <summary>The encoders that golden files of the tokens folder carry with them.</summary>
internal static class TokenCases
{
    /// <summary>An encoder under published names; its configuration is in the metadata.</summary>
    public static VisionModel Encoder(GoldenCase golden, string name)
    {
        JsonObject document = JsonNode.Parse(golden.Metadata["config"])!.AsObject();
        document["architectures"] = new JsonArray(golden.Metadata["family"] switch
        {
            "vit" => "ViTForImageClassification",
            "deit" => "DeiTForImageClassificationWithTeacher",
            "clip" => "CLIPVisionModel",
            "siglip" => "SiglipVisionModel",
            string family => throw new InvalidOperationException($"{name}: family {family}"),
        });
        string[] data = ["hidden_last", "hidden_penultimate", "hidden_r0_last", "pixel_values", "size", "source"];
        using var weights = new Checkpoint(name, golden.File.Tensors.Values.Where(tensor => !data.Contains(tensor.Info.Name)), []);
        return (VisionModel)PretrainedModel.Load(new ModelConfig(document, name), weights, ModelOptions.Default);
    }

    /// <summary>A classifier in timm layout, behind <c>w.</c>; its sizes are those of its tensors.</summary>
    public static VisionModel Timm(GoldenCase golden, string name, bool trainable = false)
    {
        bool distilled = golden.Metadata.TryGetValue("distilled", out string? flag) && flag == "True";
        long[] patch = golden["w.patch_embed.proj.weight"].shape;
        var config = new ModelConfig(
            new JsonObject
            {
                ["architectures"] = new JsonArray(distilled ? "DeiTForImageClassification" : "ViTForImageClassification"),
                ["hidden_size"] = (int)patch[0],
                ["num_channels"] = (int)patch[1],
                ["patch_size"] = (int)patch[2],
                ["image_size"] = (int)golden["image"].shape[2],
                ["num_hidden_layers"] = golden.Names.Count(tensor => tensor.StartsWith("w.", StringComparison.Ordinal) && tensor.EndsWith(".attn.qkv.weight", StringComparison.Ordinal)),
                ["num_attention_heads"] = int.Parse(golden.Metadata["heads"], CultureInfo.InvariantCulture),
                ["intermediate_size"] = (int)golden["w.blocks.0.mlp.fc1.weight"].shape[0],
                ["num_labels"] = (int)golden["w.head.weight"].shape[0],
                ["layer_norm_eps"] = 1e-6,
            },
            name);
        using var weights = new Checkpoint(name, golden.File.Tensors.Values.Where(tensor => tensor.Info.Name.StartsWith("w.", StringComparison.Ordinal)).Select(tensor => new RenamedTensor(tensor, tensor.Info.Name[2..])), []);
        return (VisionModel)PretrainedModel.Load(config, weights, ModelOptions.Default with { Trainable = trainable });
    }

    /// <summary>The whole numbers of a list, or of one number.</summary>
    public static int[] Numbers(string json) => JsonNode.Parse(json) is JsonArray list ? [.. list.Select(number => number!.GetValue<int>())] : [int.Parse(json, CultureInfo.InvariantCulture)];
}
