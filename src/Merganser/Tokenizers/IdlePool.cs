namespace Merganser.Tokenizers;

/// <summary>
/// Keeps working memory that threads borrow for a moment: a few places, chosen by thread, so that threads seldom meet and
/// nothing is allocated from call to call.
/// </summary>
internal sealed class IdlePool<T>(Func<T> create)
    where T : class
{
    private const int Places = 32;

    private readonly T?[] _idle = new T?[Places];

    /// <summary>Takes an item or makes one.</summary>
    public T Rent() => Interlocked.Exchange(ref _idle[Place], null) ?? create();

    /// <summary>Gives an item back; one that finds its place taken replaces the other.</summary>
    public void Return(T item) => Volatile.Write(ref _idle[Place], item);

    private static int Place => Environment.CurrentManagedThreadId % Places;
}
