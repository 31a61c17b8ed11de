using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Merganser.Neural.Decoding.Cpu;

/// <summary>Work that a team does together.</summary>
internal abstract class TeamWork
{
    /// <summary>Called once before the members begin.</summary>
    public abstract void Begin();

    /// <summary>A member's share; ends when nothing is left to take.</summary>
    public abstract void Run(int member);
}

/// <summary>
/// The calling thread and some workers of its own that spin from one hand-off to the next: a token of a small model has a hundred hand-offs
/// of microseconds each, and a pool's thread falls asleep between them. A worker that got nothing for a few milliseconds blocks until the
/// next hand-off, so that a team between two sequences costs nothing. One caller at a time.
/// </summary>
internal sealed class SpinTeam : IDisposable
{
    private const int SpinsBeforeYield = 4000;
    private static readonly long PatienceTicks = Stopwatch.Frequency * 4 / 1000;

    private readonly Worker[] _workers;
    private Line _epoch;
    private Line _rest;
    private TeamWork? _work;
    private volatile bool _stopping;
    private volatile Exception? _failure;

    public SpinTeam(int members)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(members, 1);
        _workers = new Worker[members - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            var worker = new Worker(i + 1);
            _workers[i] = worker;
            worker.Thread = new Thread(() => Loop(worker)) { IsBackground = true, Name = $"decoder {worker.Member}" };
            worker.Thread.Start();
        }
    }

    /// <summary>The number of threads, the caller included.</summary>
    public int Members => _workers.Length + 1;

    /// <summary>Does the work with all members and returns when it is done.</summary>
    public void Run(TeamWork work)
    {
        ObjectDisposedException.ThrowIf(_stopping, this);
        work.Begin();
        if (_workers.Length == 0)
        {
            work.Run(0);
            return;
        }

        _work = work;
        int epoch = HandOff();
        try
        {
            work.Run(0);
        }
        finally
        {
            foreach (Worker worker in _workers)
                Wait(ref worker.Done, epoch);
        }

        if (_failure is { } failure)
        {
            _failure = null;
            throw new InvalidOperationException("a thread of the decoder failed", failure);
        }
    }

    /// <summary>Lets the workers block at once: a sequence has ended.</summary>
    public void Rest() => Volatile.Write(ref _rest.Value, Volatile.Read(ref _epoch.Value));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_stopping)
            return;
        _stopping = true;
        HandOff();
        foreach (Worker worker in _workers)
        {
            worker.Thread!.Join();
            worker.Dispose();
        }
    }

    private int HandOff()
    {
        // A full fence: either the worker sees the new epoch before it blocks, or its flag is seen here.
        int epoch = Interlocked.Increment(ref _epoch.Value);
        foreach (Worker worker in _workers)
        {
            if (Volatile.Read(ref worker.Blocked.Value) != 0)
                worker.Alarm.Release();
        }

        return epoch;
    }

    private void Loop(Worker worker)
    {
        int seen = 0;
        while (true)
        {
            seen = NextEpoch(worker, seen);
            if (_stopping)
                return;
            try
            {
                _work!.Run(worker.Member);
            }
            catch (Exception e)
            {
                _failure = e; // Handed to the caller.
            }

            Volatile.Write(ref worker.Done.Value, seen);
        }
    }

    private int NextEpoch(Worker worker, int seen)
    {
        long began = 0;
        for (int spins = 1; ; spins++)
        {
            int epoch = Volatile.Read(ref _epoch.Value);
            if (epoch != seen)
                return epoch;
            Pause();
            if (spins % SpinsBeforeYield != 0)
                continue;
            long now = Stopwatch.GetTimestamp();
            began = began == 0 ? now : began;
            if (now - began < PatienceTicks && Volatile.Read(ref _rest.Value) != seen)
            {
                Thread.Yield(); // The caller may be waiting for this very core.
                continue;
            }

            Interlocked.Exchange(ref worker.Blocked.Value, 1);
            if (Volatile.Read(ref _epoch.Value) == seen)
                worker.Alarm.Wait();
            Interlocked.Exchange(ref worker.Blocked.Value, 0);
            began = 0;
        }
    }

    private static void Wait(ref Line done, int epoch)
    {
        for (int spins = 1; Volatile.Read(ref done.Value) != epoch; spins++)
        {
            Pause();
            if (spins % SpinsBeforeYield == 0)
                Thread.Yield();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Pause()
    {
        if (X86Base.IsSupported)
            X86Base.Pause();
        else if (ArmBase.IsSupported)
            ArmBase.Yield();
        else
            Thread.SpinWait(1);
    }

    private sealed class Worker(int member) : IDisposable
    {
        public readonly SemaphoreSlim Alarm = new(0);
        public readonly int Member = member;
        public Thread? Thread;
        public Line Done;
        public Line Blocked;

        public void Dispose() => Alarm.Dispose();
    }
}

/// <summary>A number with a pair of cache lines to itself, which is what prefetchers fetch.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct Line
{
    [FieldOffset(128)]
    public int Value;
}
