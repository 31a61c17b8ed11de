using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Tokens;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>DiffRate against the numbers of its authors' code.</summary>
public sealed class DiffRateGoldenTests
{
    public static TheoryData<string> Models => GoldenCase.Files("tokens", "diffrate-eval*.safetensors");

    [Theory]
    [MemberData(nameof(Models))]
    public void A_classifier_gives_the_same_scores(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        using VisionModel model = TokenCases.Timm(golden, name);
        var reducer = new DiffRate { Rates = new TokenRates(TokenCases.Numbers(golden.Metadata["prune_kept"]), TokenCases.Numbers(golden.Metadata["merge_kept"])) };
        VisionOutput output = model.Forward(golden["image"], reducer.Input(model.Encoder, trace: true));
        GoldenCase.Close(golden["logits"], output.Logits!, 1e-4, "scores");
        GoldenCase.Close(golden["size"], output.State.Size!, 1e-5, "sizes");
        GoldenCase.Close(golden["source"], output.State.SourceMatrix()!, 0, "sources");

        // The reference counts multiply-adds, and the class token as a patch that is embedded.
        VisionShape shape = model.Encoder.Shape;
        double patch = (double)shape.Patch.Height * shape.Patch.Width * shape.Channels * shape.Width;
        Assert.Equal(golden["flops"].ToDouble(), (FlopCount.PerImage(shape, reducer, model.Labels.Count) / 2) + patch, 1e-6 * golden["flops"].ToDouble());
    }
}
