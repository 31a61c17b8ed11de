using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Learning;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>Learning rates on a small model.</summary>
public sealed class RateLearnerTests
{
    private const string Case = "diffrate-eval-pruneonly-odd.safetensors";

    [Fact]
    public void The_target_is_met_and_nothing_else_changes()
    {
        using var golden = new GoldenCase(Golden.Folder("tokens", Case));
        using VisionModel model = TokenCases.Timm(golden, Case);
        using Tensor image = golden["image"].clone(), plain = model.Forward(image).Logits!;
        using var training = new DiffRateTraining(model, granularity: 1);
        double whole = training.Reach().Whole, last = 0;
        TokenRates rates = RateLearner.Learn(training, new RateLearning { Part = 0.7, Steps = 150, Rate = 0.05, LastRate = 0.01 }, _ => (image.alias(), tensor([1L, 2L])), (_, _, operations) => last = operations);
        Assert.Equal(0.7, last / whole, 0.03);
        VisionShape shape = model.Encoder.Shape;
        double part = FlopCount.PerImage(shape, new DiffRate { Rates = rates }, model.Labels.Count) / FlopCount.PerImage(shape, null, model.Labels.Count);
        Assert.Equal(0.7, part, 0.03);
        Assert.Equal(shape.Tokens, rates.AfterMerging[0]);
        Assert.Equal(rates.AfterMerging.OrderDescending(), rates.AfterMerging);
        Assert.True(plain.eq(model.Forward(image).Logits!).all().ToBoolean());
    }

    [Fact]
    public void Rates_that_keep_all_run_the_model_as_it_is()
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", Case));
        using VisionModel model = TokenCases.Timm(golden, Case);
        using var training = new DiffRateTraining(model, granularity: 1, isFree: _ => false);
        GoldenCase.Close(golden["logits_r0"], training.Forward(golden["image"]).detach(), 1e-5, "scores");
        Assert.Equal(training.Reach().Whole, training.MultiplyAdds().ToDouble(), 1e-6 * training.Reach().Whole);
        Assert.All(training.Rates().AfterMerging, kept => Assert.Equal(model.Encoder.Shape.Tokens, kept));
    }

    [Fact]
    public void One_certain_candidate_is_taken_and_the_gradient_of_the_number_sums_to_zero()
    {
        using var scope = NewDisposeScope();
        using var rate = new LearnedRate(20, 3);
        using (no_grad())
            rate.Logits[0] = 60;
        Assert.Equal(21, rate.KeptNow());
        using (no_grad())
            rate.Logits[0] = 0.5;
        rate.Kept().backward();
        Assert.Equal(0, rate.Logits.grad!.sum().ToDouble(), 1e-4);
    }

    [Fact]
    public void A_hundred_steps_leave_no_tensor()
    {
        using var golden = new GoldenCase(Golden.Folder("tokens", Case));
        using VisionModel model = TokenCases.Timm(golden, Case);
        using Tensor image = golden["image"].clone();
        using var training = new DiffRateTraining(model, granularity: 2);
        var options = new RateLearning { Part = 0.8, Steps = 2 };
        (Tensor, Tensor) Batch(int step) => (image.alias(), tensor([1L, 2L]));
        RateLearner.Learn(training, options, Batch);
        long before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        RateLearner.Learn(training, options with { Steps = 100 }, Batch);
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Targets_out_of_reach_and_models_without_a_class_token_are_refused()
    {
        using var golden = new GoldenCase(Golden.Folder("tokens", Case));
        using VisionModel model = TokenCases.Timm(golden, Case);
        using var training = new DiffRateTraining(model, granularity: 1);
        foreach (double part in (double[])[0, 0.01, 1, 1.5, double.NaN])
            Assert.Contains("reach from", Assert.Throws<MerganserException>(() => RateLearner.Learn(training, new RateLearning { Part = part }, _ => throw new InvalidOperationException())).Message);
        using var siglip = new GoldenCase(Golden.Folder("tokens", "tinychart-siglip-tome.safetensors"));
        using VisionModel without = TokenCases.Encoder(siglip, "tinychart-siglip-tome.safetensors");
        Assert.Contains("class token", Assert.Throws<MerganserException>(() => new DiffRateTraining(without)).Message);
        using var deit = new GoldenCase(Golden.Folder("tokens", "hf-deit-tome.safetensors"));
        using VisionModel distilled = TokenCases.Encoder(deit, "hf-deit-tome.safetensors");
        Assert.Contains("distillation", Assert.Throws<MerganserException>(() => new DiffRateTraining(distilled)).Message);
    }
}
