using System.Runtime.ExceptionServices;

namespace Merganser.Weights.Execution;

/// <summary>Equal workers that take the next piece of work from a counter until there is none or one of them fails.</summary>
internal static class Workers
{
    /// <summary>Calls <paramref name="work"/> (worker, index) once for every index; rethrows the first failure as it was.</summary>
    public static void Run(int workers, int count, Action<int, int> work)
    {
        int next = -1;
        Exception? failure = null;
        void Loop(int worker)
        {
            try
            {
                for (int index; Volatile.Read(ref failure) is null && (index = Interlocked.Increment(ref next)) < count;)
                    work(worker, index);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, e, null);
            }
        }

        Thread[] threads = [.. Enumerable.Range(1, Math.Max(0, Math.Min(workers, count) - 1)).Select(worker => new Thread(() => Loop(worker)) { IsBackground = true })];
        foreach (Thread thread in threads)
            thread.Start();
        Loop(0);
        foreach (Thread thread in threads)
            thread.Join();
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }
}
