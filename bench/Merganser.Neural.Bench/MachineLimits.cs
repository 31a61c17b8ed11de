using System.Diagnostics;
using System.Runtime.Intrinsics;
using Merganser.Neural.Decoding.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Bench;

/// <summary>What the machine can do: reading memory, multiplying matrices.</summary>
internal static unsafe class MachineLimits
{
    private const int Block = 1 << 20;
    private const int Blocks = 512;
    private const int Side = 1024;

    /// <summary>GB/s of reading 512 MiB once, on huge pages where the system has them; best of the runs.</summary>
    public static double Stream(int threads, int runs = 6)
    {
        using var memory = new PackedWeights((long)Block * Blocks);
        using var team = new SpinTeam(threads);
        var work = new Reading(memory.Take((long)Block * Blocks));
        double best = double.MaxValue;
        for (int run = 0; run < runs; run++)
        {
            long began = Stopwatch.GetTimestamp();
            team.Run(work);
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return (double)Block * Blocks / best / 1e9;
    }

    /// <summary>GFLOP/s of libtorch's product of two square matrices; best of the runs.</summary>
    public static double Multiply(int threads, ScalarType type, int runs = 8)
    {
        set_num_threads(threads);
        using DisposeScope scope = NewDisposeScope();
        Tensor a = rand(Side, Side).to(type), b = rand(Side, Side).to(type);
        double best = double.MaxValue;
        for (int run = 0; run < runs; run++)
        {
            long began = Stopwatch.GetTimestamp();
            a.mm(b).Dispose();
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return 2.0 * Side * Side * Side / best / 1e9;
    }

    private sealed class Reading(byte* data) : TeamWork
    {
        private int _next;
        private ulong _sum;

        public override void Begin() => _next = 0;

        public override void Run(int member)
        {
            Vector256<ulong> a = default, b = default, c = default, d = default;
            for (int block; (block = Interlocked.Increment(ref _next) - 1) < Blocks;)
            {
                byte* start = data + ((long)block * Block);
                for (byte* p = start; p < start + Block; p += 128)
                {
                    a += Vector256.Load((ulong*)p);
                    b += Vector256.Load((ulong*)(p + 32));
                    c += Vector256.Load((ulong*)(p + 64));
                    d += Vector256.Load((ulong*)(p + 96));
                }
            }

            Interlocked.Add(ref _sum, Vector256.Sum(a + b + c + d)); // So that the loads are not left out.
        }
    }
}
