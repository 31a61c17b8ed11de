using Merganser.Checkpoints;

namespace Merganser.Tokenizers;

/// <summary>
/// The matrix of one model (embedding, head or a bias with one value per token) with the rows of the joined vocabulary. Rows
/// are read when they are asked for, so the memory is that of one row whatever the vocabulary's size.
/// </summary>
public sealed class AlignedRows : TensorSource
{
    private readonly RowPlan _plan;
    private readonly int _model;
    private readonly TensorSource?[] _matrices;
    private readonly int _columns;
    private readonly int _rowBytes;
    private readonly Lazy<byte[]> _padding;

    /// <summary>Makes the matrix of one model.</summary>
    /// <param name="plan">Where rows come from.</param>
    /// <param name="model">The model.</param>
    /// <param name="matrices">The same tensor in every model of the plan; null where a model lacks it.</param>
    /// <exception cref="MerganserException">The models' rows have different lengths.</exception>
    public AlignedRows(RowPlan plan, int model, IReadOnlyList<TensorSource?> matrices)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(matrices);
        _plan = plan;
        _model = model;
        _matrices = [.. matrices];
        TensorSource own = _matrices[model] ?? throw new ArgumentException("the model must have the tensor", nameof(matrices));
        _columns = checked((int)RowLength(own.Info));
        _rowBytes = checked(_columns * own.Info.DType.Size());
        foreach (TensorSource? other in _matrices)
        {
            if (other is not null && RowLength(other.Info) != _columns)
                throw new MerganserException($"{own.Info.Name}: a row has {_columns} values in {own.Origin} but {RowLength(other.Info)} in {other.Origin}; vocabularies can be joined only between models of one hidden size");
        }

        Info = new TensorInfo(own.Info.Name, own.Info.DType, [plan.Rows, .. own.Info.Shape.Skip(1)]);
        _padding = new Lazy<byte[]>(MeanRow);
    }

    /// <inheritdoc/>
    public override TensorInfo Info { get; }

    /// <inheritdoc/>
    public override string Origin => _matrices[_model]!.Origin;

    /// <inheritdoc/>
    public override void Read(long byteOffset, Span<byte> destination)
    {
        if (byteOffset < 0 || byteOffset + destination.Length > Info.ByteCount)
            throw new ArgumentOutOfRangeException(nameof(byteOffset));
        byte[]? partial = null;
        while (!destination.IsEmpty)
        {
            (long row, long start) = Math.DivRem(byteOffset, _rowBytes);
            int count;
            if (start == 0 && destination.Length >= _rowBytes)
            {
                count = ReadRows((int)row, destination);
            }
            else
            {
                partial ??= new byte[_rowBytes];
                ReadRows((int)row, partial);
                count = (int)Math.Min(destination.Length, _rowBytes - start);
                partial.AsSpan((int)start, count).CopyTo(destination);
            }

            destination = destination[count..];
            byteOffset += count;
        }
    }

    private static long RowLength(TensorInfo info) => info.Shape.Length == 0 || info.Shape[0] == 0 ? 0 : info.ElementCount / info.Shape[0];

    /// <summary>Reads one row or, where rows follow one another in the same file too, as many as fit.</summary>
    private int ReadRows(int row, Span<byte> destination)
    {
        if (row >= _plan.Unpadded)
        {
            _padding.Value.CopyTo(destination);
            return _rowBytes;
        }

        RowPlan.RowOrigin origin = Find(row);
        DType type = Info.DType;
        if (origin.IsSingle && _matrices[origin.Model] is { } source && source.Info.DType == type)
        {
            int rows = 1;
            while ((rows + 1L) * _rowBytes <= destination.Length && row + rows < _plan.Unpadded
                && Find(row + rows) == origin with { Row = origin.Row + rows } && origin.Row + rows < source.Info.Shape[0])
                rows++;
            if (origin.Row + rows > source.Info.Shape[0])
                return Clear(destination);
            source.Read((long)origin.Row * _rowBytes, destination[..(rows * _rowBytes)]);
            return rows * _rowBytes;
        }

        if (!origin.IsSingle && !origin.IsMean)
            return Clear(destination);
        float[] sum = new float[_columns];
        if (origin.IsSingle)
            AddRow(origin.Model, origin.Row, sum);
        else
            AddOwners(row, sum);
        TensorCast.FromSingle(sum, type, destination[.._rowBytes]);
        return _rowBytes;
    }

    private RowPlan.RowOrigin Find(int row) => _plan.Find(_model, row, model => _matrices[model] is not null);

    private int Clear(Span<byte> destination)
    {
        destination[.._rowBytes].Clear();
        return _rowBytes;
    }

    private void AddOwners(int row, float[] sum)
    {
        int owners = 0;
        for (int model = 0; model < _matrices.Length; model++)
        {
            int own = _plan.Union.IdsOf(model)[row];
            if (own < 0 || _matrices[model] is null)
                continue;
            AddRow(model, own, sum);
            owners++;
        }

        for (int i = 0; i < sum.Length; i++)
            sum[i] /= owners;
    }

    private void AddRow(int model, int row, float[] sum)
    {
        if (_matrices[model] is not { } source || row >= source.Info.Shape[0])
            return;
        DType type = source.Info.DType;
        byte[] bytes = new byte[_columns * type.Size()];
        float[] values = new float[_columns];
        source.Read((long)row * bytes.Length, bytes);
        TensorCast.ToSingle(bytes, type, values);
        for (int i = 0; i < sum.Length; i++)
            sum[i] += values[i];
    }

    /// <summary>The mean of all rows before the padding, which is what padding rows are filled with.</summary>
    private byte[] MeanRow()
    {
        const int batch = 64;
        double[] sum = new double[_columns];
        float[] values = new float[_columns];
        byte[] bytes = new byte[checked(Math.Min(batch, _plan.Unpadded) * _rowBytes)];
        for (int row = 0; row < _plan.Unpadded;)
        {
            int read = ReadRows(row, bytes.AsSpan(0, (int)Math.Min(bytes.Length, (_plan.Unpadded - row) * (long)_rowBytes)));
            for (int start = 0; start < read; start += _rowBytes, row++)
            {
                TensorCast.ToSingle(bytes.AsSpan(start, _rowBytes), Info.DType, values);
                for (int i = 0; i < values.Length; i++)
                    sum[i] += values[i];
            }
        }

        for (int i = 0; i < values.Length; i++)
            values[i] = (float)(sum[i] / _plan.Unpadded);
        byte[] mean = new byte[_rowBytes];
        TensorCast.FromSingle(values, Info.DType, mean);
        return mean;
    }
}
