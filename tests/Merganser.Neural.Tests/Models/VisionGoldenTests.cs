using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>Image models against the reference library: folders with every output, files with the tokens of an encoder, all layouts of names.</summary>
public sealed class VisionGoldenTests
{
    public static TheoryData<string> Folders
    {
        get
        {
            var cases = new TheoryData<string>();
            foreach (string path in Directory.EnumerateDirectories(Golden.Folder("models"), "hf-*").Order(StringComparer.Ordinal))
            {
                using var golden = new GoldenCase(Path.Combine(path, "expected.safetensors"));
                if (golden.Names.Contains("input.pixel_values"))
                    cases.Add(Path.GetFileName(path));
            }

            return cases;
        }
    }

    public static TheoryData<string> EncoderFiles => Files("hidden_r0_last");

    public static TheoryData<string> TimmFiles => Files("logits_r0");

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_gives_the_reference_outputs(string name)
    {
        using var scope = NewDisposeScope();
        string folder = Golden.Folder("models", name);
        using PretrainedModel model = PretrainedModel.Load(folder);
        using var golden = new GoldenCase(Path.Combine(folder, "expected.safetensors"));
        Dictionary<string, Tensor?> actual = model is ClipModel clip ? Run(clip, golden) : Run((VisionModel)model, golden);
        foreach (string output in golden.Names.Where(output => output.StartsWith("output.", StringComparison.Ordinal)))
        {
            Assert.True(actual.TryGetValue(output["output.".Length..], out Tensor? tensor) && tensor is not null, $"{output} was not computed");
            GoldenCase.Close(golden[output], tensor, 1e-5, output);
        }
    }

    [Theory]
    [MemberData(nameof(EncoderFiles))]
    public void An_encoder_gives_the_reference_tokens(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        using VisionModel model = TokenCases.Encoder(golden, name);
        VisionOutput output = model.Forward(golden["pixel_values"], new VisionInput { HiddenStates = true });
        GoldenCase.Close(golden["hidden_r0_last"], output.State.Tokens, 1e-5, "tokens");
        VisionOutput part = model.Forward(golden["pixel_values"], new VisionInput { Blocks = model.Encoder.Shape.Blocks - 1 });
        GoldenCase.Close(output.HiddenStates[^2], part.State.Tokens, 0, "tokens before the last block");
        Assert.Null(part.LastHidden);
    }

    [Theory]
    [MemberData(nameof(TimmFiles))]
    public void A_file_in_timm_layout_gives_the_reference_scores(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        using VisionModel model = TokenCases.Timm(golden, name);
        VisionOutput output = model.Forward(golden["image"]);
        GoldenCase.Close(golden["logits_r0"], output.Logits!, 1e-5, "scores");
    }

    private static TheoryData<string> Files(string tensor)
    {
        var cases = new TheoryData<string>();
        foreach (string path in Directory.EnumerateFiles(Golden.Folder("tokens"), "*.safetensors").Order(StringComparer.Ordinal))
        {
            using var golden = new GoldenCase(path);
            if (golden.Names.Contains(tensor))
                cases.Add(Path.GetFileName(path));
        }

        return cases;
    }

    private static Dictionary<string, Tensor?> Run(VisionModel model, GoldenCase golden)
    {
        VisionOutput output = model.Forward(golden["input.pixel_values"], new VisionInput { HiddenStates = true });
        var actual = new Dictionary<string, Tensor?>
        {
            ["last_hidden_state"] = output.LastHidden,
            ["pooler_output"] = output.Pooled,
            ["image_embeds"] = output.Embedding,
            ["logits"] = output.Logits,
            ["cls_logits"] = output.ClassLogits,
            ["distillation_logits"] = output.DistillationLogits,
        };
        for (int i = 0; i < output.HiddenStates.Count; i++)
            actual.Add($"hidden_states.{i}", output.HiddenStates[i]);
        return actual;
    }

    private static Dictionary<string, Tensor?> Run(ClipModel model, GoldenCase golden)
    {
        Tensor ids = golden["input.input_ids"], mask = golden["input.attention_mask"], pixels = golden["input.pixel_values"];
        ClipOutput output = model.Forward(ids, mask, pixels);
        (Tensor hidden, Tensor pooled) = model.Text.Forward(ids, mask);
        VisionOutput images = model.EncodeImages(pixels);
        return new Dictionary<string, Tensor?>
        {
            ["logits_per_text"] = output.LogitsPerText,
            ["logits_per_image"] = output.LogitsPerImage,
            ["text_embeds"] = output.Text,
            ["image_embeds"] = output.Image,
            ["text_last_hidden_state"] = hidden,
            ["text_pooled"] = pooled,
            ["vision_last_hidden_state"] = images.LastHidden,
            ["vision_pooled"] = images.Pooled,
        };
    }
}
