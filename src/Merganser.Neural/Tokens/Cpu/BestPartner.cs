using System.Numerics;
using System.Runtime.CompilerServices;

namespace Merganser.Neural.Tokens.Cpu;

/// <summary>The largest score of each row and its column, lane by lane; among equals the lowest column.</summary>
/// <param name="best">[rows, vector].</param>
/// <param name="column">[rows, vector].</param>
/// <param name="penalty">Added to the score of a column, one per packed column: 0, or −∞ where nothing may go.</param>
internal readonly unsafe struct BestPartner(float* best, int* column, float* penalty) : ITileSink
{
    public static void Begin(float* best, int* column, int rows)
    {
        new Span<float>(best, rows * Vector<float>.Count).Fill(float.NegativeInfinity);
        new Span<int>(column, rows * Vector<int>.Count).Clear();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(int row, int first, Vector<float> low, Vector<float> high)
    {
        int width = Vector<float>.Count;
        float* rowBest = best + ((nint)row * width);
        int* rowColumn = column + ((nint)row * width);
        Vector<float> largest = Vector.Load(rowBest);
        Vector<int> place = Vector.Load(rowColumn), lanes = Vector<int>.Indices + new Vector<int>(first);
        low += Vector.Load(penalty + first);
        high += Vector.Load(penalty + first + width);
        Vector<int> greater = Vector.GreaterThan(low, largest);
        (largest, place) = (Vector.ConditionalSelect(greater, low, largest), Vector.ConditionalSelect(greater, lanes, place));
        greater = Vector.GreaterThan(high, largest);
        (largest, place) = (Vector.ConditionalSelect(greater, high, largest), Vector.ConditionalSelect(greater, lanes + new Vector<int>(width), place));
        largest.Store(rowBest);
        place.Store(rowColumn);
    }

    /// <summary>The best of a row's lanes.</summary>
    public static (float Score, int Column) End(float* best, int* column, int row)
    {
        int width = Vector<float>.Count;
        (float score, int place) = (best[row * width], column[row * width]);
        for (int lane = 1; lane < width; lane++)
        {
            (float other, int at) = (best[(row * width) + lane], column[(row * width) + lane]);
            if (other > score || (other == score && at < place))
                (score, place) = (other, at);
        }

        return (score, place);
    }
}
