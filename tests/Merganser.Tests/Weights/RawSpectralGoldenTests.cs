using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Merganser.Weights;
using Merganser.Weights.Methods;

namespace Merganser.Tests.Weights;

public sealed class RawSpectralGoldenTests
{
    public static TheoryData<string> Polar => RawGolden.Cases("tsvm");

    public static TheoryData<string> Eigen => RawGolden.Cases("tsvm-eigen");

    public static TheoryData<string> Sums => RawGolden.Cases("tsv-lowrank-sum");

    public static TheoryData<string> Reweighted => RawGolden.Cases("rtsvm");

    public static TheoryData<string> Twins => RawGolden.Cases("twin");

    public static TheoryData<string> Varms => RawGolden.Cases("varm");

    public static TheoryData<string> Pcbs => RawGolden.Cases("pcb");

    [Theory]
    [MemberData(nameof(Polar))]
    public void Tsvm_agrees(string file) => CheckTsvm(file, variant: 0, 1e-4);

    [Theory]
    [MemberData(nameof(Eigen))]
    public void Tsvm_by_inverse_roots_agrees(string file) => CheckTsvm(file, variant: 1, 1e-3);

    [Theory]
    [MemberData(nameof(Sums))]
    public void Sums_of_truncated_tasks_agree(string file) => CheckTsvm(file, variant: 2, 1e-5);

    [Theory]
    [MemberData(nameof(Reweighted))]
    public void Reweighted_tsvm_agrees(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        ParameterSet parameters = new ParameterSet().Set("c", golden.Number("c")).Set("gamma", golden.Number("gamma")).Set("epsilon", golden.Number("eps_ratio"));
        ForModels(golden, parameters, "alpha", golden.Number("alpha"));
        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new Rtsvm(), golden.Base, golden.Models, parameters), 1e-4);

        ArrayModel ranks = golden.Group("rank"), sparsities = golden.Group("sparsity"), weights = golden.Group("weights");
        Assert.NotEmpty(ranks);
        foreach ((string name, (_, float[] rank)) in ranks)
        {
            (ImmutableArray<long> shape, float[] origin) = golden.Base[name];
            float[][] changes = [.. golden.Models.Select(model => model[name].Values.Zip(origin, (a, b) => a - b).ToArray())];
            double sparsity = Rtsvm.Sparsity(changes, golden.Number("eps_ratio"));
            Assert.Equal(sparsities[name].Values[0], sparsity, 1e-6);
            Assert.Equal(rank[0], Rtsvm.Rank((int)Math.Min(shape[0], shape[1]), changes.Length, sparsity, golden.Number("gamma")));
            double[] actual = Rtsvm.Weights(changes, golden.Number("c"));
            Assert.All(weights[name].Values.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        }
    }

    [Theory]
    [MemberData(nameof(Twins))]
    public void Twin_experts_agree(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        double density = golden.Number("density");
        ParameterSet parameters = new ParameterSet().Set("lambda", golden.Number("lambda_")).Set("density", density);
        ArrayModel shared = ArrayMerge.Run(new Twin(), golden.Base, golden.Models, parameters);
        RawGolden.AssertClose(golden.Group("shared"), shared, 1e-5);

        double[] logits = [.. golden.Tensor("router_logits").Select(logit => Math.Exp(logit))];
        float[] weights = golden.Tensor("weights");
        for (int model = 0; model < weights.Length; model++)
        {
            Assert.Equal(weights[model], logits[model] / logits.Sum(), 1e-6);
            parameters.Set("weight", logits[model] / logits.Sum(), model);
            var exclusive = new ArrayModel();
            foreach ((string name, (ImmutableArray<long> shape, float[] values)) in golden.Models[model])
            {
                float[] part = new float[values.Length];
                float[] difference = [.. values.Zip(shared[name].Values, (a, b) => a - b)];
                TwinExpert.Compress(difference, shape, density).AddTo(part, 1);
                exclusive.With(name, shape, part);
            }

            RawGolden.AssertClose(golden.Group($"exclusive{model}"), exclusive, 1e-5);
        }

        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new Twin(), golden.Base, golden.Models, parameters), 1e-5);
    }

    [Theory]
    [MemberData(nameof(Varms))]
    public void Weights_from_changes_agree(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        Assert.Equal("per matrix", golden.Metadata["granularity"]);
        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new Varm(), golden.Base, golden.Models, new ParameterSet()), 1e-5);
    }

    [Theory]
    [MemberData(nameof(Pcbs))]
    public void Competition_balancing_agrees(string file)
    {
        using RawGolden golden = RawGolden.Open(file);
        string variant = file.Split('-')[1];
        ParameterSet parameters = new ParameterSet()
            .Set("pcb_ratio", golden.Number("pcb_ratio"))
            .Set("clamp", golden.Number("clamp"))
            .Set("variant", Array.IndexOf(["main", "es", "vision"], variant));
        float[]? lambdas = golden.Metadata.ContainsKey("lambda_") ? null : golden.Tensor("lambdas");
        for (int model = 0; model < golden.Models.Length; model++)
            parameters.Set("lambda", lambdas?[model] ?? golden.Number("lambda_"), model);
        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new Pcb(), golden.Base, golden.Models, parameters), 1e-5);

        float[] scale = golden.Tensor("scale");
        int d = scale.Length / golden.Models.Length;
        double[] actual = PcbScales(golden, parameters);
        for (int i = 0; i < scale.Length; i++)
            Assert.True(Math.Abs(scale[i] - actual[i]) <= 1e-4 * Math.Max(Math.Abs(scale[i]), 1e-2), $"task {i / d}, element {i % d}: expected {scale[i]:R}, got {actual[i]:R}");
    }

    private static double[] PcbScales(RawGolden golden, ParameterSet parameters)
    {
        int d = golden.Base.Values.Sum(tensor => tensor.Values.Length);
        var balance = new PcbBalance(
            golden.Models.Length, d, (PcbVariant)(int)parameters.Get(new MethodParameter("variant", false, 0, "")), golden.Number("pcb_ratio"), golden.Number("clamp"));
        double[] scales = new double[golden.Models.Length * d];
        while (balance.NextScan() != ScanRequest.None)
            Stream((in Tile tile, long _) => balance.Scan(tile));
        Stream((in Tile tile, long offset) => balance.Scales(tile, (task, start, values) =>
        {
            for (int i = 0; i < values.Length; i++)
                scales[(task * d) + offset + start + i] = values[i];
        }));
        return scales;

        unsafe void Stream(TileAction action)
        {
            long offset = 0;
            float** pointers = stackalloc float*[golden.Models.Length + 1];
            foreach ((string name, (_, float[] origin)) in golden.Base)
            {
                float[][] inputs = [[.. origin], .. golden.Models.Select(model => (float[])model[name].Values.Clone())];
                GCHandle[] handles = [.. inputs.Select(input => GCHandle.Alloc(input, GCHandleType.Pinned))];
                for (int i = 0; i < inputs.Length; i++)
                    pointers[i] = (float*)handles[i].AddrOfPinnedObject();
                action(new Tile(0, origin.Length, pointers, inputs.Length - 1, null), offset);
                foreach (GCHandle handle in handles)
                    handle.Free();
                offset += origin.Length;
            }
        }
    }

    private delegate void TileAction(in Tile tile, long offset);

    private static void CheckTsvm(string file, int variant, double tolerance)
    {
        using RawGolden golden = RawGolden.Open(file);
        ParameterSet parameters = new ParameterSet().Set("variant", variant);
        ForModels(golden, parameters, "alpha", golden.Number("alpha"));
        RawGolden.AssertClose(golden.Group("merged"), ArrayMerge.Run(new Tsvm(), golden.Base, golden.Models, parameters), tolerance);
    }

    private static void ForModels(RawGolden golden, ParameterSet parameters, string name, double value)
    {
        for (int model = 0; model < golden.Models.Length; model++)
            parameters.Set(name, value, model);
    }
}
