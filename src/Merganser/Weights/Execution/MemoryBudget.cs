namespace Merganser.Weights.Execution;

/// <summary>Lets workers hold large tensors only while their sum stays within a bound; one that is larger than the bound runs alone.</summary>
internal sealed class MemoryBudget(long total)
{
    private readonly object _gate = new();
    private long _used;

    /// <summary>Waits until <paramref name="bytes"/> fit.</summary>
    public void Take(long bytes)
    {
        lock (_gate)
        {
            while (_used > 0 && _used + bytes > total)
                Monitor.Wait(_gate);
            _used += bytes;
        }
    }

    /// <summary>Gives back what was taken.</summary>
    public void Return(long bytes)
    {
        lock (_gate)
        {
            _used -= bytes;
            Monitor.PulseAll(_gate);
        }
    }
}
