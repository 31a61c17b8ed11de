using System.Diagnostics;

namespace Merganser.Weights.Execution;

/// <summary>How long a plan will take, guessed from how fast its own work goes on a part of it.</summary>
public static class MergeEstimate
{
    private const long SampleElements = 4L << 20;

    /// <summary>
    /// Merges a part of the plan into nothing and scales the time to the whole. Selection over whole tensors, decompositions and
    /// the speed of the target disk are seen only as far as the part shows them: a guess, for people who wait.
    /// </summary>
    /// <param name="plan">The plan.</param>
    /// <param name="threads">Worker threads of the run.</param>
    /// <exception cref="MerganserException">An input cannot be read or holds NaN.</exception>
    public static TimeSpan Of(MergePlan plan, int threads)
    {
        ArgumentNullException.ThrowIfNull(plan);
        using var driver = new TensorDriver(new DriverOptions());
        long total = plan.Jobs.Sum(job => job.Output.ElementCount);
        long done = 0;
        long started = 0;
        // Jobs of a middling size: the largest would take too long, the smallest are all overhead. The first one only warms up.
        foreach (TensorJob job in plan.Jobs.Where(job => job.Output.ElementCount <= SampleElements).OrderByDescending(job => job.Output.ElementCount).Take(4))
        {
            if (job.Method is null)
                driver.Copy(job, 0, Nowhere.Instance, 0, job.Output.ElementCount);
            else if (job.Method.BeginModel([job.Context!]) is null)
                driver.Merge(job, job.Method.Create(job.Context!, null), 0, Nowhere.Instance);
            else
                continue;
            if (started == 0)
                started = Stopwatch.GetTimestamp();
            else
                done += job.Output.ElementCount;
        }

        return done == 0 ? TimeSpan.Zero : Stopwatch.GetElapsedTime(started) * ((double)total / done / Math.Max(1, threads));
    }

    private sealed class Nowhere : ITensorSink
    {
        public static Nowhere Instance { get; } = new();

        public void Write(int tensor, long byteOffset, ReadOnlySpan<byte> bytes)
        {
        }
    }
}
