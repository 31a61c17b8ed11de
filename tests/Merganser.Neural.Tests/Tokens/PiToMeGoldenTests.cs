using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Matching;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>PiToMe against the numbers of its authors' code: energies, index sets, rows, a whole model.</summary>
public sealed class PiToMeGoldenTests
{
    public static TheoryData<string> Matchings
    {
        get
        {
            var cases = new TheoryData<string>();
            foreach (string path in Directory.EnumerateFiles(Golden.Folder("tokens"), "pitome-*.safetensors").Order(StringComparer.Ordinal))
            {
                using var golden = new GoldenCase(path);
                if (golden.Names.Contains("energy"))
                    cases.Add(Path.GetFileName(path));
            }

            return cases;
        }
    }

    public static TheoryData<string> Models => GoldenCase.Files("tokens", "pitome-vit*.safetensors");

    [Theory]
    [MemberData(nameof(Matchings))]
    public void A_matching_gives_the_same_energies_pairs_and_rows(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        int special = golden.Metadata["class_token"] == "True" ? 1 : 0;
        string variant = golden.Metadata["variant"];
        var matcher = new EnergyMatcher
        {
            Special = special,
            Margin = Number(golden, "margin"),
            Alpha = Number(golden, "alpha"),
            Kernel = variant == "text" ? EnergyKernel.Gaussian : EnergyKernel.EluShifted,
            Variant = variant switch { "plain" => EnergyVariant.Plain, "bsm" => EnergyVariant.Bipartite, "text" => EnergyVariant.Halves, _ => throw new InvalidOperationException(variant) },
        };
        Tensor metric = golden["metric"], x = golden["x"];
        long patches = metric.shape[1] - special, r = ReductionSchedule.Keep(Number(golden, "ratio")).Removed(0, 1, patches);
        Assert.Equal((long)Number(golden, "r"), r);
        GoldenCase.Close(golden["energy"], matcher.Energy(metric), 1e-5, "energies");
        TokenMap map = matcher.Match(metric, r)!;

        // Index sets leave the class token out; places refer to the two lists of candidates.
        Tensor a = golden["a_idx"], b = golden["b_idx"];
        Tensor Places(string what) => golden[what];
        Tensor going = variant == "bsm" ? a.gather(1, Places("src_idx")) : a, stay = variant == "bsm" ? a.gather(1, Places("unm_idx")) : golden["protected_idx"];
        GoldenCase.Close(going + special, map.Sources, 0, "sources");
        GoldenCase.Close(b.gather(1, Places("dst_idx")) + special, map.Anchors.gather(1, map.Targets), 0, "destinations");
        GoldenCase.Close(cat([stay + special, b + special], 1), map.Anchors.narrow(1, special, map.GroupCount - special), 0, "order");

        (Tensor rows, Tensor size) = map.Mean(x, golden.Find("size_in"));
        if (variant == "text")
            GoldenCase.Close(golden["x_out"], golden.Find("size_in") is null ? map.Mean(x) : rows, 1e-5, "rows");
        else
            GoldenCase.Close(golden["x_out"], rows, 1e-5, "rows");
        GoldenCase.Close(golden["size_out"], size, 1e-5, "sizes");
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void A_classifier_gives_the_same_scores(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        using VisionModel model = TokenCases.Timm(golden, name);
        VisionShape shape = model.Encoder.Shape;
        double[] margins = [.. JsonNode.Parse(golden.Metadata["margins"])!.AsArray().Select(margin => margin!.GetValue<double>())];
        var reducer = new PiToMe
        {
            Schedule = ReductionSchedule.Keep(Number(golden, "ratio")),
            Margins = margins,
            PlainFirst = golden.Metadata["use_bsm_first_half"] != "True",
            ProportionalAttention = golden.Metadata["prop_attn"] == "True",
        };
        VisionOutput output = model.Forward(golden["image"], reducer.Input(model.Encoder, trace: true));
        GoldenCase.Close(golden["logits"], output.Logits!, 1e-4, "scores");
        GoldenCase.Close(golden["size"], output.State.Size!, 1e-5, "sizes");
        GoldenCase.Close(golden["source"], output.State.SourceMatrix()!, 0, "sources");

        // The reference counts multiply-adds of the tokens that enter a block: 12NC² + 2N²C.
        double width = shape.Width;
        Assert.Equal(Number(golden, "block_flops"), FlopCount.Lengths(shape, reducer).Sum(length => (12 * length.Entering * width * width) + (2.0 * length.Entering * length.Entering * width)));
        if (margins.SequenceEqual(Enumerable.Range(0, shape.Blocks).Select(block => 0.75 * (1 - ((double)block / shape.Blocks)))))
        {
            var usual = new PiToMe { Schedule = reducer.Schedule, ProportionalAttention = reducer.ProportionalAttention, PlainFirst = reducer.PlainFirst };
            Assert.True(model.Forward(golden["image"], usual.Input(model.Encoder)).Logits!.eq(output.Logits!).all().ToBoolean(), "the usual margins are these");
        }
    }

    private static double Number(GoldenCase golden, string key) => double.Parse(golden.Metadata[key], CultureInfo.InvariantCulture);
}
