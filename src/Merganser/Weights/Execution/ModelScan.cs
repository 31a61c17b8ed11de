namespace Merganser.Weights.Execution;

/// <summary>Gathers the statistics that a method wants over the whole model before its first tensor is merged.</summary>
internal static class ModelScan
{
    /// <summary>Runs all passes, one thread per driver; each tensor is seen by one of them. Null when the method wants no statistics.</summary>
    public static ModelStatistics? Run(MergeMethod method, IReadOnlyList<TensorJob> jobs, IReadOnlyList<TensorDriver> drivers)
    {
        if (method.BeginModel([.. jobs.Select(job => job.Context!)]) is not { } statistics)
            return null;
        statistics.Threads = drivers.Count;

        for (ScanRequest request = statistics.NextScan(); request != ScanRequest.None; request = statistics.NextScan())
        {
            var scans = new TensorScan?[jobs.Count];
            Workers.Run(drivers.Count, jobs.Count, (worker, index) =>
            {
                if (statistics.Begin(jobs[index].Context!) is not { } scan)
                    return;
                drivers[worker].Scan(jobs[index], scan, request);
                scans[index] = scan;
            });
            statistics.EndScan([.. scans.OfType<TensorScan>()]);
        }

        return statistics;
    }
}
