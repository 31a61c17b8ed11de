using System.Diagnostics;
using System.IO.Hashing;
using Merganser.Checkpoints;

namespace Merganser.Weights.Execution;

/// <summary>Carries out a plan: reads, computes and writes with bounded memory, and lets the result appear only when it is whole.</summary>
public static class MergeExecutor
{
    /// <summary>Runs a plan.</summary>
    /// <param name="plan">What to do.</param>
    /// <param name="output">The folder that will appear.</param>
    /// <param name="options">How to do it.</param>
    /// <exception cref="MerganserException">An input cannot be used or the output cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled; it can be resumed.</exception>
    public static MergeReport Run(MergePlan plan, string output, MergeRunOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(options);
        long started = Stopwatch.GetTimestamp();
        RefuseInputAsOutput(plan, output);
        string fingerprint = $"{plan.Fingerprint} shards {options.ShardBytes}";
        StagingFolder staging = StagingFolder.Create(
            output, options.Overwrite, folder => options.Resume && RunJournal.Matches(folder, fingerprint));
        try
        {
            RefuseFullDisk(plan, staging);
            long resumed = new Execution(plan, staging.Path, fingerprint, options).Run();
            OutputFiles.Write(plan, staging.Path);
            staging.Commit();
            return new MergeReport(staging.Target, options.Progress.BytesMoved, plan.BytesWritten, resumed, Stopwatch.GetElapsedTime(started));
        }
        catch (Exception e)
        {
            // A cancelled run can be resumed; a failed one is worth keeping only to those who said that they would.
            if (e is not OperationCanceledException && !options.Resume)
                staging.Discard();
            if (e is IOException or UnauthorizedAccessException)
                throw new MerganserException($"{staging.Target}: cannot be written: {e.Message.ReplaceLineEndings(" ")}", e);
            throw;
        }
    }

    private static void RefuseInputAsOutput(MergePlan plan, string output)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(output));
        foreach (TensorSource source in plan.Jobs.SelectMany(job => job.Inputs).DistinctBy(source => source.Origin))
        {
            string origin = Path.GetFullPath(source.Origin);
            if (origin == target || origin.StartsWith(target + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                throw new MerganserException($"{output}: holds an input of the merge ({source.Origin}); write to another folder");
        }
    }

    private static void RefuseFullDisk(MergePlan plan, StagingFolder staging)
    {
        long free;
        try
        {
            free = new DriveInfo(staging.Path).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return; // The system does not tell; writing will.
        }

        long present = new DirectoryInfo(staging.Path).EnumerateFiles().Sum(file => file.Length);
        if (free + present < plan.BytesWritten)
            throw new MerganserException($"{staging.Target}: the disk has {ByteSize.Format(free + present)} free, the merged model needs {ByteSize.Format(plan.BytesWritten)}");
    }

    /// <summary>One run over one plan.</summary>
    private sealed class Execution(MergePlan plan, string folder, string fingerprint, MergeRunOptions options)
    {
        private readonly HashSet<string> _warnedTensors = [];
        private readonly MemoryBudget _budget = new(options.MemoryBytes);
        private readonly MergeProgress _progress = options.Progress;

        public long Run()
        {
            ShardLayout layout = ShardLayout.Create([.. plan.Jobs.Select(job => job.Output)], options.ShardBytes);
            using RunJournal journal = RunJournal.Open(folder, fingerprint);
            using CheckpointWriter writer = CheckpointWriter.Create(folder, layout, options.Resume);
            TensorDriver[] drivers = [.. Enumerable.Range(0, Math.Max(1, options.Threads)).Select(_ => new TensorDriver(DriverOptions()))];
            try
            {
                _progress.BytesTotal = plan.BytesWritten;
                _progress.TensorsTotal = plan.Jobs.Count;
                _progress.Stage = "reading";
                Dictionary<MergeMethod, ModelStatistics?> statistics = GatherStatistics(drivers);
                _progress.Stage = "merging";
                long resumed = MergeAll(drivers, statistics, journal, writer);
                _progress.Stage = "finishing";
                writer.Complete(options.Sync);
                return resumed;
            }
            finally
            {
                foreach (TensorDriver driver in drivers)
                    driver.Dispose();
            }
        }

        private DriverOptions DriverOptions() => new()
        {
            ChunkBytes = Math.Clamp(options.ChunkBytes, 4 << 10, 64 << 20),
            MappedBytes = options.MappedBytes / Math.Max(1, options.Threads),
            CheckFinite = true,
            OnNonFinite = OnNonFinite,
            Moved = _progress.AddMoved,
            Cancellation = options.Cancellation,
        };

        private Dictionary<MergeMethod, ModelStatistics?> GatherStatistics(TensorDriver[] drivers) =>
            plan.Jobs.Where(job => job.Method is not null)
                .GroupBy(job => job.Method!)
                .ToDictionary(group => group.Key, group => ModelScan.Run(group.Key, [.. group], drivers));

        private long MergeAll(TensorDriver[] drivers, Dictionary<MergeMethod, ModelStatistics?> statistics, RunJournal journal, CheckpointWriter writer)
        {
            TensorMerger? Create(TensorJob job)
            {
                try
                {
                    return job.Method?.Create(job.Context!, statistics[job.Method]);
                }
                catch (MerganserException e) when (!e.Message.Contains(job.Output.Name, StringComparison.Ordinal))
                {
                    throw new MerganserException($"{job.Output.Name}: {e.Message}", e);
                }
            }

            List<WorkUnit> units = WorkUnit.Cut(plan.Jobs, tensor => Create(plan.Jobs[tensor]) is not { } merger || (merger.IsStateless && merger.NextScan() == ScanRequest.None));
            int[] unitsLeft = new int[plan.Jobs.Count];
            foreach (WorkUnit unit in units)
                unitsLeft[unit.Tensor]++;
            // Large units first: the last ones to finish are then small and the threads end together. The order of the file otherwise.
            int[] order = [.. Enumerable.Range(0, units.Count).OrderByDescending(unit => units[unit].End - units[unit].Begin)];
            long resumed = 0;
            Workers.Run(drivers.Length, order.Length, (worker, index) =>
            {
                options.Cancellation.ThrowIfCancellationRequested();
                WorkUnit unit = units[order[index]];
                TensorJob job = plan.Jobs[unit.Tensor];
                long bytes = (unit.End - unit.Begin) * job.Output.DType.Size();
                if (journal.Done.TryGetValue(order[index], out ulong stored) && Hash(writer, unit, job) == stored)
                {
                    Interlocked.Add(ref resumed, bytes);
                }
                else
                {
                    var sink = new UnitSink(writer);
                    MergeUnit(drivers[worker], unit, job, Create(job), sink);
                    ulong hash = sink.Hash;
                    if (options.Verify && Hash(writer, unit, job) != hash)
                        throw new MerganserException($"{folder}: tensor '{job.Output.Name}' reads back other bytes than were written; check the disk");
                    journal.Add(order[index], hash);
                }

                _progress.AddStored(bytes);
                if (Interlocked.Decrement(ref unitsLeft[unit.Tensor]) == 0)
                    _progress.AddTensor();
            });
            return resumed;
        }

        private void MergeUnit(TensorDriver driver, WorkUnit unit, TensorJob job, TensorMerger? merger, UnitSink sink)
        {
            if (merger is null)
            {
                driver.Copy(job, unit.Tensor, sink, unit.Begin, unit.End);
            }
            else if (unit.End - unit.Begin < job.Output.ElementCount)
            {
                driver.Apply(job, merger, unit.Tensor, sink, unit.Begin, unit.End);
            }
            else if (merger.Granularity != Granularity.Tensor)
            {
                driver.Merge(job, merger, unit.Tensor, sink);
            }
            else
            {
                // Inputs, output and about as much again for the method's own work.
                long bytes = 2 * sizeof(float) * job.Output.ElementCount * (job.Inputs.Length + 2);
                _budget.Take(bytes);
                try
                {
                    driver.Merge(job, merger, unit.Tensor, sink);
                }
                finally
                {
                    driver.Trim();
                    _budget.Return(bytes);
                }
            }
        }

        private static ulong Hash(CheckpointWriter writer, WorkUnit unit, TensorJob job)
        {
            var hash = new XxHash3();
            byte[] buffer = new byte[256 << 10];
            int size = job.Output.DType.Size();
            for (long offset = unit.Begin * size; offset < unit.End * size; offset += buffer.Length)
            {
                Span<byte> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, unit.End * size - offset));
                writer.Read(unit.Tensor, offset, part);
                hash.Append(part);
            }

            return hash.GetCurrentHashAsUInt64();
        }

        private void OnNonFinite(TensorSource source, long index)
        {
            string found = $"{source.Origin}: tensor '{source.Info.Name}' holds NaN or infinity at element {index}";
            if (!options.AllowNonFinite)
                throw new MerganserException($"{found}; mend the model, or merge it all the same with --allow-nonfinite");
            lock (_warnedTensors)
            {
                if (!_warnedTensors.Add($"{source.Origin}\n{source.Info.Name}"))
                    return;
            }

            options.Warn?.Invoke(found);
        }
    }

    /// <summary>Writes a unit and hashes it on the way, while its bytes are still in the cache.</summary>
    private sealed class UnitSink(CheckpointWriter writer) : ITensorSink
    {
        private readonly XxHash3 _hash = new();

        public ulong Hash => _hash.GetCurrentHashAsUInt64();

        public void Write(int tensor, long byteOffset, ReadOnlySpan<byte> bytes)
        {
            _hash.Append(bytes);
            writer.Write(tensor, byteOffset, bytes);
        }
    }
}
