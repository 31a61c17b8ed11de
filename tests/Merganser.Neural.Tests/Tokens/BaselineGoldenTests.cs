using System.Globalization;
using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Matching;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Tokens;

/// <summary>The other matchers of ToMe's authors: every k-th token, cells of a grid.</summary>
public sealed class BaselineGoldenTests
{
    public static TheoryData<string> Kth => GoldenCase.Files("tokens", "tome-kth-*.safetensors");

    public static TheoryData<string> Grids => GoldenCase.Files("tokens", "tomesd-*.safetensors");

    [Theory]
    [MemberData(nameof(Kth))]
    public void Every_kth_token_receives(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        int k = Number(golden, "k");
        var matcher = new KthMatcher { Every = k };
        Tensor x = golden["x"];
        TokenMap map = matcher.Match(golden["metric"], 1)!;
        Assert.Equal(x.shape[1] / k, map.GroupCount);
        (Tensor rows, Tensor size) = map.Mean(x, golden.Find("size_in"));
        GoldenCase.Close(golden["x_out"], rows, 1e-5, "rows");
        GoldenCase.Close(golden["size_out"], size, 1e-5, "sizes");
        // Sources in the order of the tokens; the reference lists its pairs so.
        Tensor order = map.Sources.argsort(1);
        GoldenCase.Close(golden["dst_idx"], map.Targets.gather(1, order), 0, "destinations");
        Tensor unmerged = golden["unmerged"];
        GoldenCase.Close(unmerged, map.Expand(rows).narrow(1, 0, unmerged.shape[1]), 1e-5, "the way back");
        Assert.Equal(0, map.Expand(rows).narrow(1, unmerged.shape[1], x.shape[1] - unmerged.shape[1]).abs().sum().ToDouble());
    }

    [Theory]
    [MemberData(nameof(Grids))]
    public void One_token_of_every_cell_receives(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("tokens", name));
        bool random = golden.Metadata["no_rand"] != "True";
        var matcher = new GridMatcher { Width = Number(golden, "w"), Height = Number(golden, "h"), CellWidth = Number(golden, "sx"), CellHeight = Number(golden, "sy") };
        Tensor x = golden["x"], a = golden["a_idx"], b = golden["b_idx"];
        int[] destinations = [.. b.data<long>().Select(token => (int)token)];
        if (!random)
            Assert.Equal(destinations, matcher.Destinations());
        long r = (long)(x.shape[1] * double.Parse(golden.Metadata["ratio"], CultureInfo.InvariantCulture));
        Assert.Equal(Number(golden, "r_requested"), r);
        TokenMap map = matcher.Match(golden["metric"], r, destinations)!;
        Tensor Of(Tensor list, string places) => list.expand(x.shape[0], -1).gather(1, golden[places]);
        GoldenCase.Close(Of(a, "src_idx"), map.Sources, 0, "sources");
        GoldenCase.Close(Of(b, "dst_idx"), map.Anchors.gather(1, map.Targets), 0, "destinations");
        GoldenCase.Close(cat([Of(a, "unm_idx"), b.expand(x.shape[0], -1)], 1), map.Anchors, 0, "order");
        Tensor merged = map.Mean(x);
        GoldenCase.Close(golden["merged_mean"], merged, 1e-5, "rows");
        GoldenCase.Close(golden["unmerged"], map.Expand(merged), 1e-5, "the way back");
    }

    private static int Number(GoldenCase golden, string key) => int.Parse(golden.Metadata[key], CultureInfo.InvariantCulture);
}
