namespace Merganser.Tokenizers;

/// <summary>What every stage of one training shares: threads, progress, cancellation.</summary>
public sealed class TrainingRun
{
    private readonly IProgress<TrainingProgress>? _progress;

    /// <summary>Makes a run.</summary>
    /// <param name="threads">The number of threads; 0: one per processor. The result does not depend on it.</param>
    /// <param name="progress">Is told how far the training is; from any of its threads, one at a time.</param>
    /// <param name="cancellation">Stops the training with an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative number of threads.</exception>
    public TrainingRun(int threads = 0, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Threads = threads == 0 ? Environment.ProcessorCount : threads;
        _progress = progress;
        Cancellation = cancellation;
    }

    /// <summary>The number of threads, at least 1.</summary>
    public int Threads { get; }

    /// <summary>Set when the training shall stop.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>Tells how far the training is, and stops it when it was cancelled.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public void Report(TrainingStage stage, long done, long total)
    {
        Cancellation.ThrowIfCancellationRequested();
        _progress?.Report(new TrainingProgress(stage, done, total));
    }

    /// <summary>Does numbered pieces of work on the threads of the run.</summary>
    internal void For(int count, Action<int> work)
    {
        if (Threads == 1 || count == 1)
        {
            for (int i = 0; i < count; i++)
            {
                Cancellation.ThrowIfCancellationRequested();
                work(i);
            }

            return;
        }

        try
        {
            Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = Cancellation }, work);
        }
        catch (AggregateException e) when (e.InnerException is { } first)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(first);
        }
    }
}
