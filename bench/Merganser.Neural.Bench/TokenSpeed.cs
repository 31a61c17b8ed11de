using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Matching;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Bench;

/// <summary>Token reduction on ViT-S and ViT-B with random weights, 224², batch 8: plan and apply of one block, and whole models.</summary>
internal static class TokenSpeed
{
    private const int Batch = 8, Tokens = 197, HeadWidth = 64;
    private static readonly int[] Removals = [4, 8, 13, 16];

    /// <summary>Milliseconds of planning and applying one block's reduction. Features rotate through twelve buffers, so that they are not in the cache, as in a model.</summary>
    public static IEnumerable<TokenRow> Blocks(string shape, int threads)
    {
        const int Buffers = 12, WarmUps = 240, Runs = 240;
        set_num_threads(threads);
        int width = Width(shape), heads = width / HeadWidth;
        using DisposeScope scope = NewDisposeScope();
        Tensor[] features = [.. Enumerable.Range(0, Buffers).Select(_ => randn(Batch, Tokens, width))];
        Tensor[] keys = [.. Enumerable.Range(0, Buffers).Select(_ => randn(Batch, Tokens, heads, HeadWidth).transpose(1, 2))];
        Tensor metric = randn(Batch, Tokens, HeadWidth), size = ones(Batch, Tokens, 1);
        (string Name, ITokenMatcher Matcher, bool Keys)[] reducers =
        [
            ("tome", new AlternatingMatcher { Special = 1 }, false),
            ("tome, from the keys of all heads", new AlternatingMatcher { Special = 1 }, true),
            ("pitome, bipartite", new EnergyMatcher { Special = 1, Variant = EnergyVariant.Bipartite }, false),
            ("pitome, plain", new EnergyMatcher { Special = 1, Variant = EnergyVariant.Plain }, false),
        ];
        foreach ((string name, ITokenMatcher matcher, bool fromKeys) in reducers)
        {
            foreach (int removed in Removals)
            {
                double[] times = new double[Runs];
                for (int run = -WarmUps; run < Runs; run++)
                {
                    int buffer = (run + WarmUps) % Buffers;
                    using DisposeScope inner = NewDisposeScope();
                    long began = Stopwatch.GetTimestamp();
                    matcher.Match(fromKeys ? keys[buffer] : metric, removed)!.Mean(features[buffer], size);
                    if (run >= 0)
                        times[run] = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                }

                yield return new TokenRow("block", shape, name, removed, threads, times.Min(), Median(times));
            }
        }
    }

    /// <summary>Images per second of whole models, all of them by turns in every round; a round while the machine was busy elsewhere does not count.</summary>
    public static IEnumerable<TokenRow> Models(string shape, int threads, double seconds)
    {
        const double Quiet = 0.85;
        set_num_threads(threads);
        using DisposeScope scope = NewDisposeScope();
        using var model = (VisionModel)PretrainedModel.CreateNew(Config(shape), seed: 1);
        Tensor pixels = randn(Batch, 3, 224, 224);
        VisionShape sizes = model.Encoder.Shape;
        var plans = new List<(string Name, int Removed, TokenReducer? Reducer)> { ("plain", 0, null) };
        foreach (string name in (string[])["tome", "pitome"])
        {
            foreach (int removed in Removals)
                plans.Add((name, removed, ReducerRegistry.Create(name, new ReductionBudget { PerBlock = removed }, sizes)));
        }

        (string Name, int Removed, TokenReducer? Reducer)[] all = [.. plans];
        double Time(TokenReducer? reducer)
        {
            using DisposeScope inner = NewDisposeScope();
            long began = Stopwatch.GetTimestamp();
            model.Forward(pixels, reducer?.Input(model.Encoder));
            return Stopwatch.GetElapsedTime(began).TotalSeconds;
        }

        foreach ((_, _, TokenReducer? reducer) in all)
            Time(reducer);
        var rounds = new List<(double Probe, double[] Times)>();
        var clock = Stopwatch.StartNew();
        var order = new Random(1);
        int[] turns = [.. Enumerable.Range(0, all.Length)];
        while (clock.Elapsed.TotalSeconds < seconds || rounds.Count < 3)
        {
            double probe = MachineLimits.Multiply(threads, 4);
            double[] times = new double[all.Length];
            order.Shuffle(turns);
            foreach (int turn in turns)
                times[turn] = Time(all[turn].Reducer);
            rounds.Add((probe, times));
        }

        double best = rounds.Max(round => round.Probe);
        double[][] counted = [.. rounds.Where(round => round.Probe >= Quiet * best).Select(round => round.Times)];
        Console.Error.WriteLine($"{shape}, {threads} threads: {counted.Length} of {rounds.Count} rounds count, {best:F0} GFLOP/s");
        double whole = FlopCount.PerImage(sizes);
        for (int i = 0; i < all.Length; i++)
        {
            int plan = i;
            double[] times = [.. counted.Select(round => round[plan])];
            yield return new TokenRow("model", shape, all[i].Name, all[i].Removed, threads, Batch / times.Min(), Batch / Median(times),
                Median([.. counted.Select(round => round[0] / round[plan])]), whole / FlopCount.PerImage(sizes, all[i].Reducer));
        }
    }

    /// <summary>The plain model in PyTorch, if a <c>python3</c> with torch is on the PATH. Its BLAS gets as many threads or one, whichever is faster: two libraries with threads may wait for each other.</summary>
    public static IEnumerable<TokenRow> Peer(string shape, int threads)
    {
        JsonNode? best = null;
        foreach (int blas in (int[])[threads, 1])
        {
            if (Python(blas, Path.Combine(AppContext.BaseDirectory, "vit_peer.py"), Text(Width(shape)), Text(Batch), Text(threads), "8") is not { } output)
                yield break;
            JsonNode row = JsonNode.Parse(output)!;
            best = best is null || (double)row["best"]! < (double)best["best"]! ? row : best;
        }

        yield return new TokenRow("model", shape, "PyTorch, plain", 0, threads, Batch / (double)best!["best"]!, Batch / (double)best["median"]!, 0, 1);
    }

    /// <summary>What a script printed, or null if there is no Python or no torch.</summary>
    private static string? Python(int blas, params string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo("python3", arguments) { RedirectStandardOutput = true };
            (start.Environment["OPENBLAS_NUM_THREADS"], start.Environment["MKL_NUM_THREADS"]) = (Text(blas), Text(blas));
            using Process process = Process.Start(start)!;
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? output : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Width(string shape) => shape switch
    {
        "vit-s" => 384,
        "vit-b" => 768,
        _ => throw new MerganserException($"there is no shape '{shape}'; there are vit-s and vit-b"),
    };

    private static ModelConfig Config(string shape) => new(
        new JsonObject
        {
            ["architectures"] = new JsonArray("ViTForImageClassification"),
            ["hidden_size"] = Width(shape),
            ["num_attention_heads"] = Width(shape) / HeadWidth,
            ["num_hidden_layers"] = 12,
            ["intermediate_size"] = 4 * Width(shape),
            ["image_size"] = 224,
            ["patch_size"] = 16,
            ["num_channels"] = 3,
            ["num_labels"] = 1000,
            ["initializer_range"] = 0.02,
        },
        shape);

    private static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }
}
