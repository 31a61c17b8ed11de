using System.Buffers;
using System.Numerics.Tensors;
using Merganser.Checkpoints;

namespace Merganser.Weights.Lora;

/// <summary>
/// A matrix with a low-rank update: <c>W + s·B·A</c>, with DoRA's magnitudes <c>m·(W + s·B·A)/‖W + s·B·A‖</c>. Computed in
/// float32 row by row when it is read, then rounded once to the type of W.
/// </summary>
internal sealed class AdaptedSource : TensorSource
{
    private const int BlockElements = 32 * 1024;

    private readonly TensorSource _base;
    private readonly AdapterCache _cache;
    private readonly Func<LowRankProduct> _readProduct;
    private readonly float[]? _magnitude;
    private readonly Lazy<float[]>? _columnFactors;
    private readonly long _rows;
    private readonly int _columns;
    private readonly int _rowsPerBlock;

    /// <summary>Makes the source.</summary>
    /// <param name="weight">W.</param>
    /// <param name="readProduct">Reads the factors, oriented as W is stored.</param>
    /// <param name="magnitude">DoRA's magnitudes: one per output unit; null without DoRA.</param>
    /// <param name="unitsAreColumns">True when an output unit is a column of the stored matrix.</param>
    /// <param name="cache">The overlay's cache.</param>
    /// <param name="adapter">The adapter's path, for messages.</param>
    public AdaptedSource(TensorSource weight, Func<LowRankProduct> readProduct, float[]? magnitude, bool unitsAreColumns, AdapterCache cache, string adapter)
    {
        _base = weight;
        _readProduct = readProduct;
        _cache = cache;
        Origin = $"{weight.Origin}+{adapter}";
        _rows = weight.Info.Shape[0];
        _columns = _rows == 0 ? 0 : checked((int)(weight.Info.ElementCount / _rows));
        _rowsPerBlock = (int)Math.Clamp(BlockElements / Math.Max(_columns, 1), 1, Math.Max(_rows, 1));
        if (magnitude is null)
            return;
        if (unitsAreColumns)
            _columnFactors = new Lazy<float[]>(() => ColumnFactors(magnitude));
        else
            _magnitude = magnitude;
    }

    /// <inheritdoc/>
    public override TensorInfo Info => _base.Info;

    /// <inheritdoc/>
    public override string Origin { get; }

    private int ElementSize => Info.DType.Size();

    /// <inheritdoc/>
    public override void Read(long byteOffset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(destination.Length, Info.ByteCount - byteOffset);
        int blockBytes = _rowsPerBlock * _columns * ElementSize;
        while (!destination.IsEmpty)
        {
            long index = byteOffset / blockBytes;
            int skip = (int)(byteOffset - (index * blockBytes));
            long firstRow = index * _rowsPerBlock;
            int rows = (int)Math.Min(_rowsPerBlock, _rows - firstRow);
            int available = (rows * _columns * ElementSize) - skip;
            int length = Math.Min(available, destination.Length);
            if (skip == 0 && length == available)
                Compute(firstRow, rows, destination[..length]);
            else
                CopyPart(index, firstRow, rows, skip, destination[..length]);
            destination = destination[length..];
            byteOffset += length;
        }
    }

    private void CopyPart(long index, long firstRow, int rows, int skip, Span<byte> destination)
    {
        AdapterCache.Block block = _cache.Rent(this, index);
        if (block.Owner is null)
        {
            int bytes = rows * _columns * ElementSize;
            if (block.Bytes.Length < bytes)
                block.Bytes = new byte[bytes];
            Compute(firstRow, rows, block.Bytes.AsSpan(0, bytes));
            block.Owner = this;
            block.Index = index;
        }

        block.Bytes.AsSpan(skip, destination.Length).CopyTo(destination);
        _cache.Return(block);
    }

    private void Compute(long firstRow, int rows, Span<byte> destination)
    {
        float[]? factors = _columnFactors?.Value;
        Updated(firstRow, rows, destination, (row, values, bytes) =>
        {
            if (_magnitude is not null)
                TensorPrimitives.Multiply(values, Ratio(_magnitude[row], TensorPrimitives.SumOfSquares(values)), values);
            if (factors is not null)
                TensorPrimitives.Multiply(values, factors, values);
            TensorCast.FromSingle(values, Info.DType, bytes);
        });
    }

    private delegate void RowAction(long row, Span<float> values, Span<byte> bytes);

    /// <summary>Computes W + s·B·A row by row; <paramref name="bytes"/> holds the rows of W meanwhile.</summary>
    private void Updated(long firstRow, int rows, Span<byte> bytes, RowAction action)
    {
        int rowBytes = _columns * ElementSize;
        _base.Read(firstRow * rowBytes, bytes);
        LowRankProduct product = _cache.Product(this, _readProduct);
        float[] buffer = ArrayPool<float>.Shared.Rent(2 * _columns);
        Span<float> values = buffer.AsSpan(0, _columns);
        Span<float> update = buffer.AsSpan(_columns, _columns);
        for (int i = 0; i < rows; i++)
        {
            Span<byte> row = bytes.Slice(i * rowBytes, rowBytes);
            TensorCast.ToSingle(row, Info.DType, values);
            product.Row(firstRow + i, update);
            TensorPrimitives.Add(values, update, values);
            action(firstRow + i, values, row);
        }

        ArrayPool<float>.Shared.Return(buffer);
    }

    /// <summary>One pass over the matrix: magnitude over norm for every column.</summary>
    private float[] ColumnFactors(float[] magnitude)
    {
        double[] squares = new double[_columns];
        byte[] bytes = new byte[_rowsPerBlock * _columns * ElementSize];
        for (long first = 0; first < _rows; first += _rowsPerBlock)
        {
            int rows = (int)Math.Min(_rowsPerBlock, _rows - first);
            Updated(first, rows, bytes.AsSpan(0, rows * _columns * ElementSize), (_, values, _) =>
            {
                for (int column = 0; column < values.Length; column++)
                    squares[column] += (double)values[column] * values[column];
            });
        }

        float[] factors = new float[_columns];
        for (int column = 0; column < factors.Length; column++)
            factors[column] = Ratio(magnitude[column], squares[column]);
        return factors;
    }

    /// <summary>A unit whose weights are all 0 stays 0.</summary>
    private static float Ratio(float magnitude, double sumOfSquares) => sumOfSquares == 0 ? 0 : (float)(magnitude / Math.Sqrt(sumOfSquares));
}
