using System.Numerics.Tensors;

namespace Merganser.Weights.Spectral;

/// <summary>How the triplets of several tasks are put together.</summary>
internal enum TsvVariant
{
    /// <summary>Both sets of vectors replaced by their polar factors.</summary>
    Polar,

    /// <summary>The same through inverse square roots of the Gram matrices.</summary>
    Eigen,

    /// <summary>Truncated tasks added up, vectors as they are.</summary>
    LowRankSum,

    /// <summary>All triplets of all tasks, then the polar factors.</summary>
    Lossless,
}

/// <summary>Which decomposition finds a task's triplets.</summary>
internal enum SvdKind
{
    /// <summary>Randomised for large matrices of which at most a third of the triplets is wanted, exact otherwise.</summary>
    Auto,

    /// <summary>Always the full decomposition.</summary>
    Exact,

    /// <summary>Always by random projection.</summary>
    Randomized,
}

/// <summary>Leading singular triplets of several task matrices side by side, and what TSVM makes of them.</summary>
internal sealed class TaskSingularVectors
{
    /// <summary>From this smaller side on, <see cref="SvdKind.Auto"/> samples.</summary>
    public const int RandomizedFrom = 1024;

    private readonly Matrix _left;
    private readonly double[] _values;
    private readonly Matrix _right;
    private readonly int _threads;

    private TaskSingularVectors(Matrix left, double[] values, Matrix right, int threads)
    {
        _left = left;
        _values = values;
        _right = right;
        _threads = threads;
    }

    /// <summary>Decomposes every task and keeps its <paramref name="rank"/> leading triplets.</summary>
    public static TaskSingularVectors Of(IReadOnlyList<float[]> tasks, int rows, int columns, int rank, SvdKind kind, ulong seed, int threads)
    {
        rank = Math.Min(rank, Math.Min(rows, columns));
        var left = new Matrix(rows, rank * tasks.Count);
        var right = new Matrix(columns, rank * tasks.Count);
        double[] values = new double[rank * tasks.Count];
        int smaller = Math.Min(rows, columns);
        bool sampled = kind == SvdKind.Randomized || (kind == SvdKind.Auto && smaller >= RandomizedFrom && 3L * rank <= smaller);
        for (int task = 0; task < tasks.Count && rank > 0; task++)
        {
            ThinSvd svd = sampled
                ? SpectralKit.RandomizedSvd(tasks[task], rows, columns, rank, seed + (ulong)task, threads)
                : SpectralKit.Svd(tasks[task], rows, columns, rank, threads);
            svd.S.CopyTo(values, task * rank);
            for (int row = 0; row < rows; row++)
                svd.U.Row(row)[..svd.Rank].CopyTo(left.Row(row)[(task * rank)..]);
            for (int row = 0; row < columns; row++)
                svd.V.Row(row)[..svd.Rank].CopyTo(right.Row(row)[(task * rank)..]);
        }

        return new TaskSingularVectors(left, values, right, threads);
    }

    /// <summary>Multiplies the singular values of one task by a factor.</summary>
    public void Scale(int task, int tasks, double factor)
    {
        int rank = _values.Length / tasks;
        Span<double> own = _values.AsSpan(task * rank, rank);
        TensorPrimitives.Multiply(own, factor, own);
    }

    /// <summary>The merged matrix; <paramref name="dropped"/> counts directions that two tasks share so closely that no orthogonal pair could be made of them.</summary>
    public Matrix Merge(TsvVariant variant, out int dropped)
    {
        dropped = 0;
        Matrix left = _left, right = _right;
        if (variant == TsvVariant.Eigen)
        {
            (left, right) = (Whiten(left), Whiten(right));
        }
        else if (variant != TsvVariant.LowRankSum && _values.Length > 0)
        {
            left = SpectralKit.Polar(left, out int lost, _threads);
            right = SpectralKit.Polar(right, out int lostRight, _threads);
            dropped = Math.Max(lost, lostRight);
        }

        return new ThinSvd(left, _values, right).Product(_threads);
    }

    /// <summary><c>‖(UᵀU − I) diag(S) (VᵀV − I)‖₁</c>, summed over entries: 0 when the tasks' singular spaces are orthogonal.</summary>
    public double Interference()
    {
        int count = _values.Length;
        Matrix left = Gemm.Gram(_left.View, _threads), right = Gemm.Gram(_right.View, _threads);
        for (int i = 0; i < count; i++)
        {
            left[i, i] -= 1;
            right[i, i] -= 1;
        }

        left.ScaleColumns(_values);
        var product = new Matrix(count, count);
        Gemm.Multiply(left.View, right.View, product.View, _threads);
        return TensorPrimitives.SumOfMagnitudes<double>(product.Data.AsSpan(0, count * count));
    }

    /// <summary><c>U (UᵀU)^(−1/2)</c> with 1/(√|λ| + 10⁻¹²) for the inverse square root.</summary>
    private Matrix Whiten(Matrix vectors)
    {
        int count = vectors.Columns;
        var result = new Matrix(vectors.Rows, count);
        if (count == 0)
            return result;
        (double[] values, Matrix basis) = SpectralKit.SymmetricEigen(Gemm.Gram(vectors.View, _threads), int.MaxValue, _threads);
        Matrix scaled = basis.Leading(count);
        scaled.ScaleColumns([.. values.Select(value => 1 / (Math.Sqrt(Math.Abs(value)) + 1e-12))]);
        var root = new Matrix(count, count);
        Gemm.Multiply(scaled.View, basis.Transposed, root.View, _threads);
        Gemm.Multiply(vectors.View, root.View, result.View, _threads);
        return result;
    }
}
