using System.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Bench;

/// <summary>What the machine can do in arithmetic.</summary>
internal static class MachineLimits
{
    private const int Side = 1024;

    /// <summary>GFLOP/s of libtorch's product of two square float32 matrices; best of the runs.</summary>
    public static double Multiply(int threads, int runs = 8)
    {
        set_num_threads(threads);
        using DisposeScope scope = NewDisposeScope();
        Tensor a = rand(Side, Side), b = rand(Side, Side);
        double best = double.MaxValue;
        for (int run = 0; run < runs; run++)
        {
            long began = Stopwatch.GetTimestamp();
            a.mm(b).Dispose();
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return 2.0 * Side * Side * Side / best / 1e9;
    }
}
