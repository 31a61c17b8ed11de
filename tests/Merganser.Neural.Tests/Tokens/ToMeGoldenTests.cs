using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Matching;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>ToMe against the numbers of its authors' code: matching, schedules, whole models.</summary>
public sealed class ToMeGoldenTests
{
    public static TheoryData<string> Matchings => GoldenCase.Files("tokens", "tome-match-*.safetensors");

    public static TheoryData<string> Schedules => GoldenCase.Files("tokens", "tome-schedule*.safetensors");

    public static TheoryData<string> Classifiers => GoldenCase.Files("tokens", "tome-vit-*.safetensors");

    public static TheoryData<string> Encoders => GoldenCase.Files("tokens", "*-tome.safetensors");

    [Theory]
    [MemberData(nameof(Matchings))]
    public void A_matching_gives_the_same_pairs_and_rows(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        bool distilled = golden.Metadata["distill_token"] == "True";
        int special = distilled ? 2 : golden.Metadata["class_token"] == "True" ? 1 : 0;
        long r = Number(golden, "r"), effective = Number(golden, "eff_r"), count = golden["metric"].shape[1];
        var matcher = new AlternatingMatcher { Special = special };
        Assert.Equal(effective, Math.Min(r, matcher.Removable(count)));
        TokenMap map = matcher.Match(golden["metric"], r)!;

        Assert.Equal(count - effective, map.GroupCount);
        GoldenCase.Close(golden["src_idx"], map.Sources / 2, 0, "sources");
        GoldenCase.Close(golden["dst_idx"], (map.Anchors.gather(1, map.Targets) - 1) / 2, 0, "destinations");
        Tensor stay = golden["unm_idx"] * 2, receive = arange(1, count, 2, ScalarType.Int64).expand(stay.shape[0], -1);
        GoldenCase.Close(distilled ? cat([stay[.., ..1], receive[.., ..1], stay[.., 1..], receive[.., 1..]], 1) : cat([stay, receive], 1), map.Anchors, 0, "order");

        Tensor x = golden["x"];
        (Tensor rows, Tensor size) = map.Mean(x, golden.Find("size_in"));
        GoldenCase.Close(golden["x_out"], rows, 1e-5, "weighted rows");
        GoldenCase.Close(golden["size_out"], size, 1e-5, "sizes");
        GoldenCase.Close(golden["x_mean"], map.Mean(x), 1e-5, "mean");
        GoldenCase.Close(golden["x_amax"], map.Max(x), 0, "largest");
        GoldenCase.Close(golden["source_out"], map.Max(eye(count).expand(x.shape[0], count, count)), 0, "sources from the identity");
        var state = new TokenState(x) { Groups = arange(count, dtype: ScalarType.Int64).expand(x.shape[0], count) };
        GoldenCase.Close(golden["source_out"], state.Merged(map).SourceMatrix()!, 0, "sources by groups");
        if (golden.Find("unmerged_of_x_out") is { } unmerged)
            GoldenCase.Close(unmerged, map.Expand(rows), 1e-5, "the way back");
    }

    [Theory]
    [MemberData(nameof(Schedules))]
    public void Schedules_are_the_same(string name)
    {
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        foreach (JsonNode? node in JsonNode.Parse(golden.Metadata["cases"])!.AsArray())
        {
            int blocks = node!["layers"]!.GetValue<int>();
            ReductionSchedule schedule = Schedule(node["r"]!);
            Assert.Equal(node["schedule"]!.AsArray().Select(r => r!.GetValue<long>()), Enumerable.Range(0, blocks).Select(block => schedule.Removed(block, blocks, 1 << 20)));
        }
    }

    [Theory]
    [MemberData(nameof(Classifiers))]
    public void A_classifier_gives_the_same_scores(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        using VisionModel model = TokenCases.Timm(golden, name);
        var reducer = new ToMe { Schedule = Schedule(JsonNode.Parse(golden.Metadata["r"])!), ProportionalAttention = golden.Metadata["prop_attn"] == "True" };
        Assert.Equal(TokenCases.Numbers(golden.Metadata["schedule"]).Select(r => (long)r), Enumerable.Range(0, model.Encoder.Shape.Blocks).Select(block => reducer.Schedule.Removed(block, model.Encoder.Shape.Blocks, model.Encoder.Shape.Tokens)));
        VisionOutput output = model.Forward(golden["image"], reducer.Input(model.Encoder, trace: true));
        // The file holds the head on the class token, also for models that average two heads.
        GoldenCase.Close(golden["logits"], output.Logits!, 1e-4, "scores");
        GoldenCase.Close(golden["size"], output.State.Size!, 0, "sizes");
        GoldenCase.Close(golden["source"], output.State.SourceMatrix()!, 0, "sources");
    }

    [Theory]
    [MemberData(nameof(Encoders))]
    public void An_encoder_gives_the_same_tokens(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        using VisionModel model = TokenCases.Encoder(golden, name);
        var reducer = new ToMe { Schedule = ReductionSchedule.List(TokenCases.Numbers(golden.Metadata["r"])), ProportionalAttention = golden.Metadata["prop_attn"] == "True" };
        VisionOutput output = model.Forward(golden["pixel_values"], reducer.Input(model.Encoder, trace: true) with { HiddenStates = true });
        GoldenCase.Close(golden["hidden_penultimate"], output.HiddenStates[^2], 1e-4, "tokens before the last block");
        GoldenCase.Close(golden["hidden_last"], output.State.Tokens, 1e-4, "tokens");
        GoldenCase.Close(golden["size"], output.State.Size!, 0, "sizes");
        GoldenCase.Close(golden["source"], output.State.SourceMatrix()!, 0, "sources");
    }

    /// <summary>A number, [number, inflection], an object of both, or a list of whole numbers.</summary>
    private static ReductionSchedule Schedule(JsonNode node) => node switch
    {
        JsonObject both => ReductionSchedule.Inflected(both["r"]!.GetValue<int>(), both["inflection"]!.GetValue<double>()),
        JsonArray { Count: 2 } pair when pair[1]!.ToJsonString().Contains('.') => ReductionSchedule.Inflected(pair[0]!.GetValue<int>(), pair[1]!.GetValue<double>()),
        JsonArray list => ReductionSchedule.List([.. list.Select(r => r!.GetValue<int>())]),
        _ => ReductionSchedule.Constant(node.GetValue<int>()),
    };

    private static long Number(GoldenCase golden, string key) => long.Parse(golden.Metadata[key], CultureInfo.InvariantCulture);
}
