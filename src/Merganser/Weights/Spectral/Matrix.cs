namespace Merganser.Weights.Spectral;

/// <summary>A dense row-major matrix of doubles whose memory does not move, so that threads may hold pointers into it.</summary>
internal sealed unsafe class Matrix
{
    public Matrix(int rows, int columns)
    {
        Rows = rows;
        Columns = columns;
        Data = GC.AllocateArray<double>(checked(Math.Max(1, rows * columns)), pinned: true);
        Pointer = (double*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(Data, 0);
    }

    public int Rows { get; }

    public int Columns { get; }

    public double[] Data { get; }

    public double* Pointer { get; }

    /// <summary>The whole matrix.</summary>
    public MatrixView View => new(this, Pointer, null, Rows, Columns, Columns, 1);

    /// <summary>The whole matrix with rows and columns exchanged; nothing is moved.</summary>
    public MatrixView Transposed => View.Transpose();

    public double this[int row, int column]
    {
        get => Data[(row * Columns) + column];
        set => Data[(row * Columns) + column] = value;
    }

    public Span<double> Row(int row) => Data.AsSpan(row * Columns, Columns);

    /// <summary>A rectangular part.</summary>
    public MatrixView Block(int row, int column, int rows, int columns) =>
        new(this, Pointer + ((long)row * Columns) + column, null, rows, columns, Columns, 1);

    /// <summary>The leading <paramref name="columns"/> columns as a matrix of their own.</summary>
    public Matrix Leading(int columns)
    {
        var part = new Matrix(Rows, columns);
        for (int row = 0; row < Rows; row++)
            Row(row)[..columns].CopyTo(part.Row(row));
        return part;
    }

    /// <summary>Multiplies column j by <c>factors[j]</c>.</summary>
    public void ScaleColumns(ReadOnlySpan<double> factors)
    {
        for (int row = 0; row < Rows; row++)
            System.Numerics.Tensors.TensorPrimitives.Multiply(Row(row), factors, Row(row));
    }
}

/// <summary>Part of a matrix of doubles or floats with any strides. The owner is kept so that the memory stays alive.</summary>
internal readonly unsafe struct MatrixView(Matrix? owner, double* doubles, float* singles, int rows, int columns, int rowStride, int columnStride)
{
    public Matrix? Owner => owner;

    public double* Doubles => doubles;

    public float* Singles => singles;

    public int Rows => rows;

    public int Columns => columns;

    public int RowStride => rowStride;

    public int ColumnStride => columnStride;

    public MatrixView Transpose() => new(owner, doubles, singles, columns, rows, columnStride, rowStride);

    public MatrixView Block(int row, int column, int blockRows, int blockColumns)
    {
        long offset = ((long)row * rowStride) + ((long)column * columnStride);
        return new MatrixView(owner, doubles == null ? null : doubles + offset, singles == null ? null : singles + offset, blockRows, blockColumns, rowStride, columnStride);
    }

    /// <summary>A row-major matrix of floats that the caller holds in place.</summary>
    public static MatrixView OfSingles(float* singles, int rows, int columns) => new(null, null, singles, rows, columns, columns, 1);
}
