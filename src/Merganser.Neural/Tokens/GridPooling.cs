using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens;

/// <summary>
/// Baseline: once, in one block, the grid of patches is pooled into a smaller one, whatever is in the image; the mean of each window, weighted
/// with sizes. The schedule says how much is kept: a ratio of patches; rows and columns shrink alike, to at least one.
/// </summary>
public sealed class GridPooling : TokenReducer
{
    /// <summary>The block, 0-based.</summary>
    public int Block { get; init; }

    /// <inheritdoc/>
    public override AttentionWish Wish => AttentionWish.None;

    /// <inheritdoc/>
    protected internal override long Removed(int block, long count, VisionShape shape) => block == Block ? Removable(count, shape) : 0;

    /// <inheritdoc/>
    protected override long Removable(long count, VisionShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        if (count != shape.Tokens)
            throw new MerganserException($"pooling needs the whole grid of {shape.Grid.Rows}×{shape.Grid.Columns} patches; block {Block} has {count - shape.SpecialTokens} tokens");
        (int rows, int columns) = Pooled(shape);
        return ((long)shape.Grid.Rows * shape.Grid.Columns) - ((long)rows * columns);
    }

    /// <inheritdoc/>
    protected override TokenMap? Plan(ReductionStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        (int rows, int columns) = Pooled(step.Shape);
        (int allRows, int allColumns) = step.Shape.Grid;
        int special = step.Special;
        long[] anchors = new long[special + (rows * columns)];
        var sources = new List<long>();
        var targets = new List<long>();
        for (int i = 0; i < special; i++)
            anchors[i] = i;
        for (int window = 0; window < rows * columns; window++)
        {
            int row = window / columns, column = window % columns, top = row * allRows / rows, left = column * allColumns / columns;
            anchors[special + window] = special + (top * allColumns) + left;
            for (int y = top; y < (row + 1) * allRows / rows; y++)
            {
                for (int x = left; x < (column + 1) * allColumns / columns; x++)
                {
                    if (y == top && x == left)
                        continue;
                    sources.Add(special + (y * allColumns) + x);
                    targets.Add(special + window);
                }
            }
        }

        using DisposeScope scope = NewDisposeScope();
        Device device = step.State.Tokens.device;
        Tensor Row(long[] numbers) => scope.MoveToOuter(tensor(numbers, [1, numbers.Length]).to(device).expand(step.State.Tokens.shape[0], numbers.Length).contiguous());
        return new TokenMap(Row(anchors), Row([.. sources]), Row([.. targets]), step.State.Count);
    }

    private (int Rows, int Columns) Pooled(VisionShape shape)
    {
        double ratio = Schedule.Ratio ?? throw new MerganserException("grid pools once; say how much is kept (--keep 0.5), not how many tokens leave in every block");
        int Side(int side) => Math.Clamp((int)((side * Math.Sqrt(ratio)) + 1e-9), 1, side);
        return (Side(shape.Grid.Rows), Side(shape.Grid.Columns));
    }
}
