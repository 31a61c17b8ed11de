using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Tokens;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>All reducers by their names, on models with one special token (ViT), two (DeiT) and none (SigLIP).</summary>
public sealed class ReducerTests
{
    private const string WithoutClassToken = "tinychart-siglip-tome.safetensors";

    public static TheoryData<string, string> Pairs
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (string name in ReducerRegistry.Names)
            {
                foreach (string file in (string[])["hf-vit-tome.safetensors", "hf-deit-tome.safetensors", "auroracap-clip-tome.safetensors", WithoutClassToken])
                    cases.Add(name, file);
            }

            return cases;
        }
    }

    private static ReductionBudget Some(string name) => name is "grid" or "kth" ? new ReductionBudget { Keep = 0.5 } : new ReductionBudget { PerBlock = 2 };

    [Theory]
    [MemberData(nameof(Pairs))]
    public void The_planned_number_of_tokens_comes_out_or_the_model_is_refused(string name, string file)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", file));
        using VisionModel model = TokenCases.Encoder(golden, file);
        VisionShape shape = model.Encoder.Shape;
        if (shape.SpecialTokens == 0 && name is "diffrate" or "prune")
        {
            Assert.Contains("class token", Assert.Throws<MerganserException>(() => ReducerRegistry.Create(name, Some(name), shape)).Message);
            return;
        }

        TokenReducer reducer = ReducerRegistry.Create(name, Some(name), shape);
        VisionOutput output = model.Forward(golden["pixel_values"], reducer.Input(model.Encoder, trace: true));
        Assert.Equal(FlopCount.Lengths(shape, reducer)[^1].Leaving, output.State.Count);
        Assert.True(output.State.Count < shape.Tokens);
        Assert.False(output.State.Tokens.isnan().any().ToBoolean());
        Tensor groups = output.State.Groups!;
        Assert.True(groups.lt(output.State.Count).all().ToBoolean());
        for (int special = 0; special < shape.SpecialTokens; special++)
            Assert.True(output.State.SourceMatrix()![.., special].sum(-1).eq(1).all().ToBoolean(), "a special token merged");
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Random_numbers_come_from_the_seed_alone(string name, string file)
    {
        if (file != "hf-vit-tome.safetensors")
            return;
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", file));
        using VisionModel model = TokenCases.Encoder(golden, file);
        Tensor Run(ulong seed) => model.Forward(golden["pixel_values"], ReducerRegistry.Create(name, Some(name), model.Encoder.Shape, new ReducerOptions(ReductionSchedule.None) { Seed = seed }).Input(model.Encoder, trace: true)).State.Groups!;
        Tensor first = Run(1);
        Assert.True(first.eq(Run(1)).all().ToBoolean());
        Assert.Equal(!name.StartsWith("random", StringComparison.Ordinal), first.eq(Run(2)).all().ToBoolean());
    }

    [Theory]
    [InlineData("tome")]
    [InlineData("pitome")]
    [InlineData("diffrate")]
    [InlineData("prune")]
    [InlineData("random")]
    [InlineData("grid")]
    public void A_part_of_the_operations_is_met(string name)
    {
        VisionShape shape = Shape(384, 12, 224, 16);
        double all = FlopCount.Blocks(shape);
        foreach (double part in (double[])[0.8, 0.6])
        {
            double left = FlopCount.Blocks(shape, ReducerRegistry.Create(name, new ReductionBudget { Flops = part }, shape)) / all;
            Assert.InRange(left, part - (name == "grid" ? 0.1 : 0.01), part + (name == "grid" ? 0.1 : 0.01));
        }
    }

    [Fact]
    public void Operations_are_those_of_the_published_models()
    {
        // Multiply-adds counted twice: 9.20 and 35.13 billion at 224², and 5.41 and 20.73 with r = 13.
        (int Width, double Whole, double Reduced)[] known = [(384, 9.20e9, 5.41e9), (768, 35.13e9, 20.73e9)];
        foreach ((int width, double whole, double reduced) in known)
        {
            VisionShape shape = Shape(width, 12, 224, 16);
            Assert.Equal(whole, FlopCount.PerImage(shape, null, 1000), 0.006e9);
            Assert.Equal(reduced, FlopCount.PerImage(shape, new ToMe { Schedule = ReductionSchedule.Constant(13) }, 1000), 0.006e9);
        }

        Assert.Equal([197, 184, 171], FlopCount.Lengths(Shape(384, 12, 224, 16), new ToMe { Schedule = ReductionSchedule.Constant(13) }).Take(3).Select(length => (int)length.Entering));
        Assert.Equal(11, FlopCount.Lengths(Shape(384, 12, 224, 16), new ToMe { Schedule = ReductionSchedule.Constant(16) })[^1].Leaving);
    }

    [Theory]
    [InlineData("tome", null, 0.0, null, null, "keeps is above 0")]
    [InlineData("tome", -1.0, null, null, null, "0 or more")]
    [InlineData("tome", null, null, 1.5, null, "at most 1")]
    [InlineData("tome", null, null, null, "x", "not understood")]
    [InlineData("tome", 4.0, 0.5, null, null, "one budget")]
    [InlineData("tome", null, null, null, null, "one budget")]
    [InlineData("tome", null, null, null, "[1,1,1,1,1,1,1,1,1,1,1,1,1]", "13 numbers")]
    [InlineData("pitome", null, 0.3, null, null, "from 0.5 to 1")]
    [InlineData("grid", 4.0, null, null, null, "--keep")]
    [InlineData("kth", 4.0, null, null, null, "--keep")]
    [InlineData("swin", 4.0, null, null, null, "unknown")]
    public void Wrong_budgets_are_named(string name, double? r, double? keep, double? flops, string? schedule, string part) =>
        Assert.Contains(part, Assert.Throws<MerganserException>(() => ReducerRegistry.Create(name, new ReductionBudget { PerBlock = r, Keep = keep, Flops = flops, Schedule = schedule }, Shape(384, 12, 224, 16))).Message);

    [Fact]
    public void Published_rates_read_and_files_round()
    {
        TokenRates rates = TokenRates.Read("deit-s-2.9");
        double left = FlopCount.PerImage(Shape(384, 12, 224, 16), new DiffRate { Rates = rates }, 1000);
        Assert.Equal(5.8e9, left, 0.1e9); // 2.9 billion multiply-adds.
        string path = Path.Join(Path.GetTempPath(), $"{Guid.NewGuid():n}.json");
        try
        {
            File.WriteAllText(path, rates.ToJson("vit", "2.9"));
            TokenRates read = TokenRates.Read(path);
            Assert.Equal(rates.AfterPruning, read.AfterPruning);
            Assert.Equal(rates.AfterMerging, TokenRates.Read($"{path}#vit/2.9").AfterMerging);
            Assert.Contains("vit/2.9", Assert.Throws<MerganserException>(() => TokenRates.Read($"{path}#deit/2.9")).Message);
            foreach (string text in (string[])["", "[]", "{\"a\": 3}", "{\"a\": {\"b\": {}}}", "{\"a\": {\"b\": {\"prune_kept_num\": [\"x\"], \"merge_kept_num\": []}}}"])
            {
                File.WriteAllText(path, text);
                Assert.Throws<MerganserException>(() => TokenRates.Read(path));
            }
        }
        finally
        {
            File.Delete(path);
        }

        Assert.Contains("deit-s-2.9", Assert.Throws<MerganserException>(() => TokenRates.Read("deit-x")).Message);
        Assert.Contains("12", Assert.Throws<MerganserException>(() => FlopCount.Lengths(Shape(384, 6, 224, 16), new DiffRate { Rates = rates })).Message);
        Assert.Throws<ArgumentException>(() => new DiffRate { ProportionalAttention = false });
    }

    [Fact]
    public void Received_attention_serves_models_without_a_class_token()
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", WithoutClassToken));
        using VisionModel model = TokenCases.Encoder(golden, WithoutClassToken);
        var reducer = new PruneTokens { Schedule = ReductionSchedule.Constant(2), Importance = TokenImportance.ReceivedAttention };
        Assert.Equal(model.Encoder.Shape.Tokens - (2 * model.Encoder.Shape.Blocks), model.Forward(golden["pixel_values"], reducer.Input(model.Encoder)).State.Count);
    }

    [Fact]
    public void The_class_tokens_attention_is_that_of_the_whole_map()
    {
        using var scope = NewDisposeScope();
        manual_seed(6);
        Tensor query = randn(2, 3, 7, 4), keys = randn(2, 3, 7, 4), size = randint(1, 4, [2, 7, 1], dtype: ScalarType.Float32);
        AttentionOutput whole = Attention.Compute(query, keys, keys, new AttentionBias { KeyTerm = size.squeeze(-1).log() }, wish: AttentionWish.Probabilities | AttentionWish.Queries | AttentionWish.Keys);
        var step = new ReductionStep(new TokenState(zeros(2, 7, 12)) { Size = size }, whole, 0, Shape(12, 1, 8, 4), 0);
        GoldenCase.Close(whole.Probabilities![.., .., 0].mean([1]), TokenImportances.Of(TokenImportance.ClassAttention, step, proportional: true), 1e-6, "importance");
    }

    [Fact]
    public void Pooling_takes_the_mean_of_windows()
    {
        using var scope = NewDisposeScope();
        VisionShape shape = Shape(2, 1, 8, 2); // 4×4 patches
        var reducer = new GridPooling { Schedule = ReductionSchedule.Keep(0.25) };
        Tensor x = arange(17, dtype: ScalarType.Float32).view(1, 17, 1).expand(1, 17, 2).contiguous();
        TokenState pooled = reducer.Reduce(new ReductionStep(new TokenState(x), new AttentionOutput(x), 0, shape, reducer.Removed(0, 17, shape)));
        Assert.Equal([0f, 3.5f, 5.5f, 11.5f, 13.5f], pooled.Tokens[0, .., 0].data<float>().ToArray());
        Assert.Equal([1f, 4f, 4f, 4f, 4f], pooled.Size!.flatten().data<float>().ToArray());
    }

    private static VisionShape Shape(int width, int blocks, int image, int patch) => new()
    {
        Width = width,
        Intermediate = 4 * width,
        Blocks = blocks,
        Heads = 1,
        Epsilon = 1e-6,
        Image = (image, image),
        Patch = (patch, patch),
        Channels = 3,
        SpecialTokens = 1,
    };
}
