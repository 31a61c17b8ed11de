using System.Numerics;

namespace Merganser.Neural.Tokens.Cpu;

/// <summary>What becomes of a tile of likenesses while it is still in registers.</summary>
internal unsafe interface ITileSink
{
    /// <summary>One row, the columns from <paramref name="column"/> on, two vectors of them; columns behind the last hold zeros.</summary>
    void Take(int row, int column, Vector<float> low, Vector<float> high);
}

/// <summary>
/// Products of rows with packed columns, six rows and two vectors of columns at a time over the whole depth. The scores go to a sink and
/// never exist as a matrix.
/// </summary>
internal static unsafe class Likeness
{
    private const int TileRows = 6;

    /// <summary>Columns in a packed panel.</summary>
    public static int Panel => 2 * Vector<float>.Count;

    /// <summary>The columns that some rows take when packed.</summary>
    public static int Padded(int rows) => (rows + Panel - 1) / Panel * Panel;

    /// <summary>Rows of length 1, from the sum over heads; rows of zeros stay. False if a row is not finite.</summary>
    /// <param name="source">The first token of an image: [tokens, heads, depth].</param>
    /// <param name="tokens">Rows.</param>
    /// <param name="heads">Summed; the length cancels what a mean would divide by.</param>
    /// <param name="depth">The length of a row.</param>
    /// <param name="unit">[tokens, depth].</param>
    public static bool Normalize(float* source, int tokens, int heads, int depth, float* unit)
    {
        int whole = depth - (depth % Vector<float>.Count);
        for (int token = 0; token < tokens; token++)
        {
            float* row = unit + ((nint)token * depth), from = source + ((nint)token * heads * depth);
            Vector<float> squares = Vector<float>.Zero;
            float square = 0;
            for (int i = 0; i < whole; i += Vector<float>.Count)
            {
                Vector<float> sum = Vector.Load(from + i);
                for (int head = 1; head < heads; head++)
                    sum += Vector.Load(from + ((nint)head * depth) + i);
                sum.Store(row + i);
                squares += sum * sum;
            }

            for (int i = whole; i < depth; i++)
            {
                float sum = from[i];
                for (int head = 1; head < heads; head++)
                    sum += from[((nint)head * depth) + i];
                row[i] = sum;
                square += sum * sum;
            }

            square += Vector.Sum(squares);
            if (!float.IsFinite(square))
                return false;
            if (square == 0)
                continue;
            float length = MathF.Sqrt(square);
            var lengths = new Vector<float>(length);
            for (int i = 0; i < whole; i += Vector<float>.Count)
                (Vector.Load(row + i) / lengths).Store(row + i);
            for (int i = whole; i < depth; i++)
                row[i] /= length;
        }

        return true;
    }

    /// <summary>Rows as columns, in panels [depth, <see cref="Panel"/>]; columns behind the last are zeros.</summary>
    public static void Pack(float* unit, ReadOnlySpan<int> rows, int depth, float* packed)
    {
        int panel = Panel;
        for (int first = 0; first < rows.Length; first += panel)
        {
            float* to = packed + ((nint)first * depth);
            int columns = Math.Min(panel, rows.Length - first);
            if (columns < panel)
                new Span<float>(to, panel * depth).Clear();
            for (int column = 0; column < columns; column++)
            {
                float* from = unit + ((nint)rows[first + column] * depth);
                for (int i = 0; i < depth; i++)
                    to[((nint)i * panel) + column] = from[i];
            }
        }
    }

    /// <summary>Every row times every packed column.</summary>
    /// <param name="unit">[tokens, depth].</param>
    /// <param name="rows">Which tokens.</param>
    /// <param name="depth">The length of a row.</param>
    /// <param name="packed">The columns.</param>
    /// <param name="columns">How many, a multiple of <see cref="Panel"/>.</param>
    /// <param name="sink">Takes the products.</param>
    /// <param name="upper">Panels wholly before the diagonal are left out.</param>
    public static void Multiply<TSink>(float* unit, ReadOnlySpan<int> rows, int depth, float* packed, int columns, TSink sink, bool upper = false)
        where TSink : struct, ITileSink
    {
        int width = Vector<float>.Count, panel = Panel;
        for (int first = 0; first < rows.Length; first += TileRows)
        {
            int last = rows.Length - 1;
            float* a0 = unit + ((nint)rows[first] * depth), a1 = unit + ((nint)rows[Math.Min(first + 1, last)] * depth), a2 = unit + ((nint)rows[Math.Min(first + 2, last)] * depth);
            float* a3 = unit + ((nint)rows[Math.Min(first + 3, last)] * depth), a4 = unit + ((nint)rows[Math.Min(first + 4, last)] * depth), a5 = unit + ((nint)rows[Math.Min(first + 5, last)] * depth);
            for (int column = upper ? first / panel * panel : 0; column < columns; column += panel)
            {
                Vector<float> low0 = default, low1 = default, low2 = default, low3 = default, low4 = default, low5 = default;
                Vector<float> high0 = default, high1 = default, high2 = default, high3 = default, high4 = default, high5 = default;
                float* b = packed + ((nint)column * depth);
                for (int i = 0; i < depth; i++, b += panel)
                {
                    Vector<float> low = Vector.Load(b), high = Vector.Load(b + width);
                    var a = new Vector<float>(a0[i]);
                    (low0, high0) = (Vector.FusedMultiplyAdd(a, low, low0), Vector.FusedMultiplyAdd(a, high, high0));
                    a = new Vector<float>(a1[i]);
                    (low1, high1) = (Vector.FusedMultiplyAdd(a, low, low1), Vector.FusedMultiplyAdd(a, high, high1));
                    a = new Vector<float>(a2[i]);
                    (low2, high2) = (Vector.FusedMultiplyAdd(a, low, low2), Vector.FusedMultiplyAdd(a, high, high2));
                    a = new Vector<float>(a3[i]);
                    (low3, high3) = (Vector.FusedMultiplyAdd(a, low, low3), Vector.FusedMultiplyAdd(a, high, high3));
                    a = new Vector<float>(a4[i]);
                    (low4, high4) = (Vector.FusedMultiplyAdd(a, low, low4), Vector.FusedMultiplyAdd(a, high, high4));
                    a = new Vector<float>(a5[i]);
                    (low5, high5) = (Vector.FusedMultiplyAdd(a, low, low5), Vector.FusedMultiplyAdd(a, high, high5));
                }

                sink.Take(first, column, low0, high0);
                if (first + 1 <= last)
                    sink.Take(first + 1, column, low1, high1);
                if (first + 2 <= last)
                    sink.Take(first + 2, column, low2, high2);
                if (first + 3 <= last)
                    sink.Take(first + 3, column, low3, high3);
                if (first + 4 <= last)
                    sink.Take(first + 4, column, low4, high4);
                if (first + 5 <= last)
                    sink.Take(first + 5, column, low5, high5);
            }
        }
    }
}
