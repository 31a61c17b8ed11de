namespace Merganser.Weights.Selection;

/// <summary>What is left behind the last whole vector of stored numbers.</summary>
internal static unsafe class StoredRest
{
    /// <summary>Copies elements <paramref name="begin"/> to <paramref name="end"/> of a base and two models into three vectors filled up with zeros.</summary>
    public static void Copy(ushort* origin, ushort* first, ushort* second, int begin, int end, ushort* to)
    {
        new Span<ushort>(to, 3 * StoredBits.Width).Clear();
        int left = end - begin;
        new ReadOnlySpan<ushort>(origin + begin, left).CopyTo(new Span<ushort>(to, left));
        new ReadOnlySpan<ushort>(first + begin, left).CopyTo(new Span<ushort>(to + StoredBits.Width, left));
        new ReadOnlySpan<ushort>(second + begin, left).CopyTo(new Span<ushort>(to + (2 * StoredBits.Width), left));
    }
}
