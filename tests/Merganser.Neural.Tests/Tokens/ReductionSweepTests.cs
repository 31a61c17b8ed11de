using System.Xml.Linq;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Tokens;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>Reducers side by side.</summary>
public sealed class ReductionSweepTests
{
    [Fact]
    public void Every_reducer_sees_every_image_and_differences_are_paired()
    {
        const int Images = 400;
        var reducer = new ToMe { Schedule = ReductionSchedule.Constant(1) };
        // Scores are made up: the whole model is right on 300 of 400, the reducer on 290 of the same.
        int seen = 0;
        var sweep = new ReductionSweep(Shape, 2, [new SweepPlan("tome", reducer, 0.5)], (pixels, plan) =>
        {
            seen += (int)pixels.shape[0];
            return cat([pixels.flatten(1).narrow(1, 0, 1).lt(plan is null ? 300 : 290).to(ScalarType.Float32), full([pixels.shape[0], 1], 0.5f)], 1);
        });
        for (int first = 0; first < Images; first += 100)
        {
            using var scope = NewDisposeScope();
            sweep.Add(arange(first, first + 100, dtype: ScalarType.Float32).view(100, 1, 1, 1), new int[100]);
        }

        IReadOnlyList<SweepRow> rows = sweep.Rows();
        Assert.Equal(Images, sweep.Count);
        Assert.Equal((2 * Images) + (2 * 100), seen); // The first batch once more, to warm up.
        Assert.Equal([0.75, 0.725], rows.Select(row => row.Accuracy));
        Assert.Equal(-0.025, rows[1].Difference, 12);
        // Ten of 400 differ: sd √(0.025·0.975/400) = 0.0078, so ±0.0153; unpaired it would be ±0.06.
        Assert.InRange(rows[1].DifferenceInterval.Low, -0.045, -0.035);
        Assert.InRange(rows[1].DifferenceInterval.High, -0.0175, -0.007);
        Assert.InRange(rows[0].AccuracyInterval.Low, 0.695, 0.72);
        Assert.InRange(rows[0].AccuracyInterval.High, 0.78, 0.805);
        Assert.Equal((0, 0), rows[0].DifferenceInterval);
        Assert.True(rows[1].Missed);
        Assert.Equal(1, rows[0].Part);
        Assert.True(rows[1].Part < 1 && rows[1].Speed > 0);
    }

    [Fact]
    public void The_plot_is_well_formed()
    {
        using var scope = NewDisposeScope();
        var sweep = new ReductionSweep(Shape, 2, [new SweepPlan("a<b", new ToMe { Schedule = ReductionSchedule.Constant(1) })], (pixels, _) => pixels.flatten(1));
        sweep.Add(randn(6, 2, 1, 1), [0, 1, 0, 1, 0, 1]);
        XDocument svg = XDocument.Parse(TradeOffPlot.Draw("t & t", sweep.Rows()));
        Assert.Contains(svg.Descendants(), element => element.Name.LocalName == "circle");
    }

    [Fact]
    public void Wrong_numbers_of_labels_are_refused()
    {
        using var scope = NewDisposeScope();
        var sweep = new ReductionSweep(Shape, 2, [], (pixels, _) => pixels.flatten(1));
        Assert.Throws<ArgumentException>(() => sweep.Add(randn(2, 2, 1, 1), [0]));
        Assert.Throws<InvalidOperationException>(sweep.Rows);
    }

    [Fact]
    public void A_trace_follows_every_patch_block_by_block()
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", "hf-deit-tome.safetensors"));
        using VisionModel model = TokenCases.Encoder(golden, "hf-deit-tome.safetensors");
        VisionShape shape = model.Encoder.Shape;
        GroupTrace trace = GroupTrace.Run(model.Encoder, golden["pixel_values"].narrow(0, 0, 1), new ToMe { Schedule = ReductionSchedule.List(4, 2, 1) });
        Assert.Equal([shape.Tokens - 4, shape.Tokens - 6, shape.Tokens - 7], trace.Counts);
        for (int block = 0; block < shape.Blocks; block++)
        {
            Assert.Equal(shape.Grid.Rows * shape.Grid.Columns, trace.Blocks[block].Length);
            Assert.Equal(trace.Counts[block] - shape.SpecialTokens, trace.Blocks[block].Distinct().Count());
        }

        GroupTrace pruned = GroupTrace.Run(model.Encoder, golden["pixel_values"].narrow(0, 0, 1), new PruneTokens { Schedule = ReductionSchedule.Constant(3) });
        Assert.Equal(9, pruned.Blocks[^1].Count(group => group < 0));
    }

    private static VisionShape Shape { get; } = new() { Width = 8, Intermediate = 16, Blocks = 2, Heads = 1, Epsilon = 1e-6, Image = (8, 8), Patch = (2, 2), Channels = 3, SpecialTokens = 1 };
}
