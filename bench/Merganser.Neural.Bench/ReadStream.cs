using System.Diagnostics;
using System.Runtime.Intrinsics;
using Merganser.Neural.Decoding.Cpu;

namespace Merganser.Neural.Bench;

/// <summary>How fast memory is read: 512 MiB once, on huge pages where the system has them.</summary>
internal sealed unsafe class ReadStream : IDisposable
{
    private const int Block = 1 << 20;
    private const int Blocks = 512;

    private readonly PackedWeights _memory = new((long)Block * Blocks);
    private readonly SpinTeam _team;
    private readonly Reading _work;
    private readonly List<double> _seconds = [];

    public ReadStream(int threads)
    {
        _team = new SpinTeam(threads);
        _work = new Reading(_memory.Take((long)Block * Blocks));
        _team.Run(_work);
        _team.Rest();
    }

    /// <summary>GB/s of the median pass.</summary>
    public double Median => (double)Block * Blocks / _seconds.Order().ElementAt(_seconds.Count / 2) / 1e9;

    /// <summary>One pass.</summary>
    public void Pass()
    {
        long began = Stopwatch.GetTimestamp();
        _team.Run(_work);
        _seconds.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
        _team.Rest();
    }

    public void Dispose()
    {
        _team.Dispose();
        _memory.Dispose();
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
