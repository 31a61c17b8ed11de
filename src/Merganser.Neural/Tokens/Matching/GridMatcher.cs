using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Matching;

/// <summary>
/// The matching of ToMe for diffusion ("Token Merging for Fast Stable Diffusion", arXiv 2303.17604): a grid of tokens, row by row, in cells;
/// one token of each whole cell receives, all others are sources, and the r best pairs merge.
/// </summary>
public sealed class GridMatcher : ITokenMatcher
{
    /// <summary>Tokens per row.</summary>
    public required int Width { get; init; }

    /// <summary>Rows.</summary>
    public required int Height { get; init; }

    /// <summary>The width of a cell.</summary>
    public int CellWidth { get; init; } = 2;

    /// <summary>The height of a cell.</summary>
    public int CellHeight { get; init; } = 2;

    /// <summary>Where random picks begin; null: the upper left token of each cell receives.</summary>
    public ulong? Seed { get; init; }

    /// <inheritdoc/>
    public long Removable(long count) => Whole == 0 ? 0 : count - Whole;

    private int Whole => Height / CellHeight * (Width / CellWidth);

    /// <summary>The tokens that receive, ascending.</summary>
    public int[] Destinations()
    {
        if (Width < 1 || Height < 1 || CellWidth < 1 || CellHeight < 1)
            throw new InvalidOperationException($"the grid is {Height}×{Width} with cells {CellHeight}×{CellWidth}; all are 1 or more");
        Random? random = Seed is { } seed ? new Random(unchecked((int)(seed ^ (seed >> 32)))) : null;
        int[] picked = new int[Whole];
        int columns = Width / CellWidth;
        for (int cell = 0; cell < picked.Length; cell++)
        {
            int place = random?.Next(CellWidth * CellHeight) ?? 0;
            int y = (cell / columns * CellHeight) + (place / CellWidth), x = (cell % columns * CellWidth) + (place % CellWidth);
            picked[cell] = (y * Width) + x;
        }

        Array.Sort(picked);
        return picked;
    }

    /// <inheritdoc/>
    public TokenMap? Match(Tensor metric, long remove)
    {
        ArgumentNullException.ThrowIfNull(metric);
        return Match(metric, remove, Destinations());
    }

    /// <summary>The same with the receiving tokens given.</summary>
    internal TokenMap? Match(Tensor metric, long remove, IReadOnlyList<int> destinations)
    {
        TokenMetrics.Check(metric, 0);
        ArgumentOutOfRangeException.ThrowIfNegative(remove);
        if (metric.shape[^2] != (long)Width * Height)
            throw new ArgumentException($"the metric has {metric.shape[^2]} tokens, the grid {Height}×{Width}", nameof(metric));
        HashSet<int> receiving = [.. destinations];
        using DisposeScope scope = NewDisposeScope();
        Tensor first = tensor([.. Enumerable.Range(0, Width * Height).Where(token => !receiving.Contains(token)).Select(token => (long)token)], dtype: ScalarType.Int64, device: metric.device).unsqueeze(0);
        Tensor second = tensor([.. destinations.Select(token => (long)token)], dtype: ScalarType.Int64, device: metric.device).unsqueeze(0);
        return ListMatcher.Match(metric, first, second, remove) is { } map
            ? new TokenMap(scope.MoveToOuter(map.Anchors), scope.MoveToOuter(map.Sources), scope.MoveToOuter(map.Targets), map.Count)
            : null;
    }
}
