namespace Merganser.Tokenizers;

/// <summary>
/// Keeps working memory that threads borrow for a moment: a few places, each thread beginning at its own, so that threads seldom
/// meet, nothing is allocated from call to call, and a new thread finds what an ended one has learnt.
/// </summary>
internal sealed class IdlePool<T>(Func<T> create)
    where T : class
{
    private const int Places = 32;

    private readonly T?[] _idle = new T?[Places];

    /// <summary>Takes an item or makes one.</summary>
    public T Rent()
    {
        int own = Environment.CurrentManagedThreadId;
        for (int i = 0; i < Places; i++)
        {
            ref T? place = ref _idle[(own + i) % Places];
            if (Volatile.Read(ref place) is not null && Interlocked.Exchange(ref place, null) is { } item)
                return item;
        }

        return create();
    }

    /// <summary>Gives an item back; it is dropped when all places are taken.</summary>
    public void Return(T item)
    {
        int own = Environment.CurrentManagedThreadId;
        for (int i = 0; i < Places; i++)
        {
            ref T? place = ref _idle[(own + i) % Places];
            if (Volatile.Read(ref place) is null && Interlocked.CompareExchange(ref place, item, null) is null)
                return;
        }
    }
}
