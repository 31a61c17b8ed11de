using System.Collections.Immutable;
using System.Diagnostics;
using Merganser.Checkpoints;
using Merganser.Weights;

namespace Merganser.Bench;

/// <summary>One thread, data in the cache: conversions of element types, and the arithmetic of the methods that need no look ahead.</summary>
internal static class KernelBenchmark
{
    private const int Elements = 1 << 15;

    /// <summary>Long enough to leave the first tier of the compiler behind and to even out interrupts.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(100);

    private static readonly DType[] FloatTypes = [DType.F64, DType.F32, DType.F16, DType.BF16, DType.F8E4M3, DType.F8E5M2];

    public static void Run(TextWriter output)
    {
        output.WriteLine("# Kernels, one thread, data in the cache");
        output.WriteLine();
        output.WriteLine("| type | to F32, 10^9 elements/s | from F32, 10^9 elements/s |");
        output.WriteLine("|---|--:|--:|");
        foreach (DType type in FloatTypes)
        {
            float[] values = Values(1);
            byte[] bytes = new byte[Elements * type.Size()];
            double from = Rate(Elements, () => TensorCast.FromSingle(values, type, bytes));
            double to = Rate(Elements, () => TensorCast.ToSingle(bytes, type, values));
            output.WriteLine(FormattableString.Invariant($"| {type.SafetensorsName()} | {to / 1e9:0.0} | {from / 1e9:0.0} |"));
        }

        output.WriteLine();
        output.WriteLine("| method, 2 models, one tile | 10^9 output elements/s |");
        output.WriteLine("|---|--:|");
        foreach (MergeMethod method in MergeMethods.All)
        {
            if (TryMeasure(method) is { } rate)
                output.WriteLine(FormattableString.Invariant($"| {method.Name} | {rate / 1e9:0.00} |"));
        }
    }

    /// <summary>Null for methods that look at the tensor first, or that want another number of models or whole tensors.</summary>
    private static unsafe double? TryMeasure(MergeMethod method)
    {
        if (method.MinModels > 2 || method.MaxModels < 2 || method.Base == BaseRole.Optional)
            return null;
        bool hasBase = method.Base == BaseRole.Required;
        var parameters = new ParameterSet();
        foreach (MethodParameter parameter in method.Parameters.Where(parameter => parameter.Default is null || parameter.Name == "density"))
        {
            for (int model = parameter.PerModel ? 0 : -1; model < (parameter.PerModel ? 2 : 0); model++)
                parameters.Set(parameter.Name, Math.Clamp(0.5, parameter.Minimum, parameter.Maximum), model);
        }

        var context = new TensorContext { Name = "weight", Shape = ImmutableArray.Create<long>(16, Tile.MaxElements / 16), Models = ["a", "b"], HasBase = hasBase, Parameters = parameters };
        if (method.BeginModel([context]) is not null)
            return null;
        TensorMerger merger = method.Create(context, null);
        if (!merger.IsStateless || merger.NextScan() != ScanRequest.None)
            return null;
        float[][] inputs = [Values(0), Values(1), Values(2)];
        float[] result = new float[Tile.MaxElements];
        fixed (float* baseModel = inputs[0], first = inputs[1], second = inputs[2], output = result)
        {
            float** pointers = stackalloc float*[3];
            pointers[0] = hasBase ? baseModel : null;
            pointers[1] = first;
            pointers[2] = second;
            var tile = new Tile(0, Tile.MaxElements, pointers, 2, output);
            double best = 0;
            for (int repeat = 0; repeat < 5; repeat++)
            {
                long began = Stopwatch.GetTimestamp(), rounds = 0;
                while (Stopwatch.GetElapsedTime(began) < Slice)
                {
                    for (int i = 0; i < 16; i++)
                        merger.Apply(tile);
                    rounds += 16;
                }

                best = Math.Max(best, rounds * Tile.MaxElements / Stopwatch.GetElapsedTime(began).TotalSeconds);
            }

            return best;
        }
    }

    /// <summary>The best of five slices of time.</summary>
    private static double Rate(long elements, Action action)
    {
        double best = 0;
        for (int repeat = 0; repeat < 5; repeat++)
        {
            long began = Stopwatch.GetTimestamp(), rounds = 0;
            while (Stopwatch.GetElapsedTime(began) < Slice)
            {
                action();
                rounds++;
            }

            best = Math.Max(best, rounds * elements / Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }

    private static float[] Values(int seed)
    {
        var random = new Random(seed);
        float[] values = new float[Elements];
        for (int i = 0; i < values.Length; i++)
            values[i] = (random.NextSingle() - 0.5f) * 0.04f;
        return values;
    }
}
