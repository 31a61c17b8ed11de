using System.Runtime.CompilerServices;

namespace Merganser.Tokenizers;

/// <summary>
/// A set of code points: sorted boundaries where membership changes (even index: in, odd: out). Looked up by an ASCII bitmap
/// and by pages of 256 that are filled on first use.
/// </summary>
internal sealed class CodePointSet
{
    private readonly int[] _boundaries;
    private readonly ulong _low;
    private readonly ulong _high;
    private ulong[]?[]? _pages;

    private CodePointSet(int[] boundaries)
    {
        _boundaries = boundaries;
        for (int c = 0; c < 64; c++)
        {
            _low |= Find(c) ? 1UL << c : 0;
            _high |= Find(c + 64) ? 1UL << c : 0;
        }
    }

    public static CodePointSet Empty { get; } = new([]);

    public static CodePointSet All { get; } = new([0, UnicodeData.Limit]);

    public bool IsEmpty => _boundaries.Length == 0;

    /// <summary>Members below U+0040 and from there to U+007F as bits.</summary>
    public (ulong Low, ulong High) Ascii => (_low, _high);

    public bool HasNonAscii => _boundaries.Length > 0 && _boundaries[^1] > 0x80;

    public ReadOnlySpan<int> Boundaries => _boundaries;

    public static CodePointSet Range(int first, int last) => new([first, last + 1]);

    /// <summary>Sorted boundaries: in from each at an even index to the next.</summary>
    public static CodePointSet FromBoundaries(List<int> boundaries) => new([.. boundaries]);

    public static CodePointSet Where(Predicate<int> isMember)
    {
        var boundaries = new List<int>();
        bool isIn = false;
        for (int c = 0; c < UnicodeData.Limit; c = UnicodeData.Next(c))
        {
            if (isMember(c) != isIn)
            {
                boundaries.Add(c);
                isIn = !isIn;
            }
        }

        if (isIn)
            boundaries.Add(UnicodeData.Limit);
        return new CodePointSet([.. boundaries]);
    }

    public static CodePointSet Union(IReadOnlyList<CodePointSet> sets)
    {
        if (sets.Count == 1)
            return sets[0];
        var ranges = new List<(int Start, int End)>();
        foreach (CodePointSet set in sets)
        {
            for (int i = 0; i < set._boundaries.Length; i += 2)
                ranges.Add((set._boundaries[i], set._boundaries[i + 1]));
        }

        ranges.Sort();
        var boundaries = new List<int>(2 * ranges.Count);
        foreach ((int start, int end) in ranges)
        {
            if (boundaries.Count > 0 && start <= boundaries[^1])
                boundaries[^1] = Math.Max(boundaries[^1], end);
            else
                boundaries.AddRange([start, end]);
        }

        return new CodePointSet([.. boundaries]);
    }

    public CodePointSet Negate()
    {
        var boundaries = new List<int>(_boundaries.Length + 2);
        boundaries.AddRange(_boundaries);
        if (boundaries.Count > 0 && boundaries[0] == 0)
            boundaries.RemoveAt(0);
        else
            boundaries.Insert(0, 0);
        if (boundaries.Count > 0 && boundaries[^1] == UnicodeData.Limit)
            boundaries.RemoveAt(boundaries.Count - 1);
        else
            boundaries.Add(UnicodeData.Limit);
        return new CodePointSet([.. boundaries]);
    }

    public CodePointSet Intersect(CodePointSet other) => Union([Negate(), other.Negate()]).Negate();

    /// <summary>The set with everything that folds to the same simple case folding as a member.</summary>
    public CodePointSet CloseOverCase()
    {
        var added = new List<CodePointSet> { this };
        foreach (int[] orbit in CaseOrbits.All)
        {
            int members = 0;
            foreach (int c in orbit)
                members += Find(c) ? 1 : 0;
            if (members > 0 && members < orbit.Length)
            {
                foreach (int c in orbit)
                    added.Add(Range(c, c));
            }
        }

        return Union(added);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Contains(int codePoint)
    {
        if (codePoint < 0x80)
            return ((codePoint < 64 ? _low : _high) >> (codePoint & 63) & 1) != 0;
        ulong[]? page = _pages?[codePoint >> 8];
        return ((page ?? FillPage(codePoint >> 8))[(codePoint >> 6) & 3] >> (codePoint & 63) & 1) != 0;
    }

    /// <summary>Whether a byte below 0x80 is a member.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool ContainsAscii(int value) => ((value < 64 ? _low : _high) >> (value & 63) & 1) != 0;

    // Two threads may fill the same page; both write the same bits.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong[] FillPage(int number)
    {
        if (_pages is null)
            Interlocked.CompareExchange(ref _pages, new ulong[]?[UnicodeData.Limit >> 8], null);
        var page = new ulong[4];
        for (int i = 0; i < 256; i++)
        {
            if (Find((number << 8) + i))
                page[i >> 6] |= 1UL << (i & 63);
        }

        Volatile.Write(ref _pages[number], page);
        return page;
    }

    private bool Find(int codePoint)
    {
        int index = Array.BinarySearch(_boundaries, codePoint);
        return index >= 0 ? (index & 1) == 0 : (~index & 1) == 1;
    }
}

/// <summary>The groups of characters that have one simple case folding.</summary>
internal static class CaseOrbits
{
    public static int[][] All { get; } = Read();

    private static int[][] Read()
    {
        var groups = new Dictionary<int, List<int>>();
        for (int c = 0; c < UnicodeData.Limit; c = UnicodeData.Next(c))
        {
            int folded = UnicodeTable.ToFold(c);
            if (folded == c)
                continue;
            if (!groups.TryGetValue(folded, out List<int>? group))
                groups.Add(folded, group = [folded]);
            group.Add(c);
        }

        var orbits = new int[groups.Count][];
        int at = 0;
        foreach (List<int> group in groups.Values)
            orbits[at++] = [.. group];
        return orbits;
    }
}
