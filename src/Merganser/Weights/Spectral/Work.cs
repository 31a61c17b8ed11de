using System.Runtime.ExceptionServices;

namespace Merganser.Weights.Spectral;

/// <summary>Runs independent pieces of work on at most so many threads; the pieces, not the threads, decide the result.</summary>
internal static class Work
{
    public static void Run(int threads, int pieces, Action<int> body)
    {
        if (threads <= 1 || pieces <= 1)
        {
            for (int piece = 0; piece < pieces; piece++)
                body(piece);
            return;
        }

        try
        {
            Parallel.For(0, pieces, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
        }
        catch (AggregateException e) when (e.InnerException is { } first)
        {
            // A file that became unreadable must give the same one line with threads as without.
            ExceptionDispatchInfo.Throw(first);
        }
    }
}
