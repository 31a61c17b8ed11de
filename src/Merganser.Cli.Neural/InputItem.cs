using System.Runtime.ExceptionServices;

namespace Merganser.Cli.Neural;

/// <summary>One picture or text of the command line.</summary>
/// <param name="Name">What it is called in the output.</param>
/// <param name="Label">Its class, if the input says one.</param>
/// <param name="Read">Reads it.</param>
internal readonly record struct InputItem<T>(string Name, string? Label, Func<T> Read);

/// <summary>Reads several at once.</summary>
internal static class InputItem
{
    /// <exception cref="MerganserException">One cannot be read; of several the one that was met first is told.</exception>
    public static void Read<T>(InputItem<T>[] items, T[] results)
    {
        try
        {
            Parallel.For(0, items.Length, i => results[i] = items[i].Read());
        }
        catch (AggregateException e) when (e.InnerExceptions[0] is MerganserException first)
        {
            ExceptionDispatchInfo.Throw(first);
        }
    }
}
