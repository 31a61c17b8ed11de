using System.Globalization;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Learning;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>DiffRate against the numbers of its authors' code.</summary>
public sealed class DiffRateGoldenTests
{
    public static TheoryData<string> Rates => GoldenCase.Files("tokens", "diffrate-rate*.safetensors");

    public static TheoryData<string> Trainings => GoldenCase.Files("tokens", "diffrate-train*.safetensors");

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

    [Theory]
    [MemberData(nameof(Rates))]
    public void A_rate_gives_the_same_mask_and_gradients(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        Tensor logits = golden["logits"];
        using LearnedRate rate = Rate(Number(golden, "patch_number"), (int)Number(golden, "granularity"), logits);
        GoldenCase.Close(golden["candidates"], rate.Candidates, 0, "candidates");
        GoldenCase.Close(golden["token_probability"], rate.Probability().detach(), 1e-6, "probabilities");
        long alive = Number(golden, "token_number");
        Tensor kept = rate.Kept(), mask = rate.Mask(alive);
        Assert.Equal(golden["kept"].ToDouble(), kept.ToDouble());
        GoldenCase.Close(golden["mask"], mask.detach(), 1e-6, "mask");
        kept.backward();
        GoldenCase.Close(golden["grad_of_kept"], rate.Logits.grad!, 1e-5, "gradient of the number");
        Assert.Equal(0, rate.Logits.grad!.sum().ToDouble(), 1e-4);
        rate.Logits.grad!.zero_();
        (rate.Kept() + (rate.Mask(alive) * golden["loss_weight"]).sum()).backward();
        GoldenCase.Close(golden["grad_of_kept_plus_weighted_mask"], rate.Logits.grad!, 1e-5, "gradient of number and mask");
    }

    [Theory]
    [MemberData(nameof(Trainings))]
    public void A_step_gives_the_same_loss_and_gradients(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        using VisionModel model = TokenCases.Timm(golden, name);
        using var training = new DiffRateTraining(model, (int)Number(golden, "granularity"), block => golden[$"arch.{block}.prune.logits"].numel() > 1);
        (string Kind, IReadOnlyList<LearnedRate> All)[] kinds = [("prune", training.Prune), ("merge", training.Merge)];
        foreach ((string kind, IReadOnlyList<LearnedRate> all) in kinds)
        {
            for (int block = 0; block < all.Count; block++)
            {
                Set(all[block], golden[$"arch.{block}.{kind}.logits"]);
                Assert.Equal(golden[$"arch.{block}.{kind}.kept"].ToInt64(), all[block].KeptNow());
            }
        }

        Tensor logits = training.Forward(golden["image"]), operations = training.MultiplyAdds();
        GoldenCase.Close(golden["logits"], logits.detach(), 1e-4, "scores");
        Assert.Equal(golden["flops"].ToDouble(), operations.ToDouble(), 1e-6 * golden["flops"].ToDouble());
        Tensor entropy = nn.functional.cross_entropy(logits, golden["labels"]);
        Assert.Equal(golden["ce"].ToDouble(), entropy.ToDouble(), 1e-5);
        double weight = Real(golden, "lambda_flops"), target = Real(golden, "target_mflops");
        Tensor loss = entropy + (((operations / 1e6) - target).square() * weight);
        Assert.Equal(golden["loss"].ToDouble(), loss.ToDouble(), 1e-5);
        loss.backward();
        foreach ((string kind, IReadOnlyList<LearnedRate> all) in kinds)
        {
            for (int block = 0; block < all.Count; block++)
                GoldenCase.Close(golden[$"arch.{block}.{kind}.grad"], all[block].Logits.grad!, 1e-5, $"gradient of block {block}, {kind}");
        }
    }

    private static LearnedRate Rate(long patches, int granularity, Tensor logits)
    {
        var rate = new LearnedRate(patches, granularity);
        Set(rate, logits);
        return rate;
    }

    private static void Set(LearnedRate rate, Tensor logits)
    {
        using IDisposable quiet = no_grad();
        rate.Logits.copy_(logits);
    }

    private static long Number(GoldenCase golden, string key) => long.Parse(golden.Metadata[key], CultureInfo.InvariantCulture);

    private static double Real(GoldenCase golden, string key) => double.Parse(golden.Metadata[key], CultureInfo.InvariantCulture);
}
