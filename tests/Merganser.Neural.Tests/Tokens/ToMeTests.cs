using System.Text.Json.Nodes;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>ToMe inside models.</summary>
public sealed class ToMeTests
{
    [Fact]
    public void Without_reduction_the_output_is_the_same_bit_for_bit()
    {
        using var scope = NewDisposeScope();
        using VisionModel model = Model();
        Tensor pixels = Pixels();
        Tensor plain = model.Forward(pixels).Logits!, reduced = model.Forward(pixels, new ToMe().Input(model.Encoder)).Logits!;
        Assert.True(plain.eq(reduced).all().ToBoolean());
    }

    [Theory]
    [InlineData(TokenMetric.KeyMean)]
    [InlineData(TokenMetric.KeySum)]
    [InlineData(TokenMetric.QueryMean)]
    [InlineData(TokenMetric.ValueMean)]
    [InlineData(TokenMetric.Hidden)]
    public void Every_metric_takes_the_planned_number_of_tokens(TokenMetric metric)
    {
        using var scope = NewDisposeScope();
        using VisionModel model = Model();
        var reducer = new ToMe { Schedule = ReductionSchedule.Constant(2), Metric = metric };
        VisionOutput output = model.Forward(Pixels(), reducer.Input(model.Encoder, trace: true));
        VisionShape shape = model.Encoder.Shape;
        long planned = Enumerable.Range(0, shape.Blocks).Aggregate(shape.Tokens, (count, block) => reducer.Remaining(block, count, shape));
        Assert.Equal(planned, output.State.Count);
        Assert.Equal(shape.Tokens * 2.0, output.State.Size!.sum().ToDouble(), 3);
        GoldenCase.Close(output.State.Size!.squeeze(-1), output.State.SourceMatrix()!.sum(-1), 0, "sizes");
    }

    [Fact]
    public void The_same_key_mean_and_key_sum_find_the_same_pairs()
    {
        using var scope = NewDisposeScope();
        using VisionModel model = Model();
        Tensor Groups(TokenMetric metric) => model.Forward(Pixels(), new ToMe { Schedule = ReductionSchedule.Constant(3), Metric = metric }.Input(model.Encoder, trace: true)).State.Groups!;
        GoldenCase.Close(Groups(TokenMetric.KeyMean), Groups(TokenMetric.KeySum), 0, "groups");
    }

    [Fact]
    public void Tokens_may_stay_in_the_order_of_the_image()
    {
        using var scope = NewDisposeScope();
        using VisionModel model = Model();
        var reducer = new ToMe { Schedule = ReductionSchedule.Constant(3), InTokenOrder = true };
        Tensor groups = model.Forward(Pixels(), reducer.Input(model.Encoder, trace: true)).State.Groups!;
        long[] first = groups[0].data<long>().ToArray();
        long[] seen = [.. first.Distinct()];
        Assert.Equal(seen.Order(), seen);
    }

    [Fact]
    public void Too_long_a_schedule_is_refused_before_any_image() => Assert.Throws<ArgumentException>(() =>
    {
        using VisionModel model = Model();
        new ToMe { Schedule = ReductionSchedule.List(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1) }.Input(model.Encoder);
    });

    [Fact]
    public void A_hundred_passes_leave_no_tensor()
    {
        using VisionModel model = Model();
        using Tensor pixels = Pixels();
        VisionInput input = new ToMe { Schedule = ReductionSchedule.Constant(2) }.Input(model.Encoder, trace: true);
        void Pass()
        {
            using var scope = NewDisposeScope();
            model.Forward(pixels, input);
        }

        Pass();
        long before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        for (int pass = 0; pass < 100; pass++)
            Pass();
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    private static VisionModel Model() => (VisionModel)PretrainedModel.Load(Golden.Folder("models", "hf-vit-cls-noqkvbias"));

    private static Tensor Pixels()
    {
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Join(Golden.Folder("models", "hf-vit-cls-noqkvbias"), "config.json")))!;
        long side = config["image_size"]!.GetValue<long>(), channels = config["num_channels"]?.GetValue<long>() ?? 3;
        manual_seed(5);
        return randn(2, channels, side, side);
    }
}
