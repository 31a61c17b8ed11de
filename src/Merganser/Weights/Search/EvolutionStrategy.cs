using System.Numerics.Tensors;
using Merganser.Weights.Spectral;
using Merganser.Weights.Tools;

namespace Merganser.Weights.Search;

/// <summary>
/// CMA-ES ("The CMA Evolution Strategy: A Tutorial", arXiv 1604.00772) with the tutorial's constants: 4 + ⌊3 ln n⌋ points are drawn
/// around a mean, the better half moves mean, covariance and step size. It works on coordinates in which every range has length 1. Points outside are moved to
/// the edge, evaluated there, and taken for the update as what they became.
/// </summary>
internal sealed class EvolutionStrategy
{
    private readonly int _size;
    private readonly int _population;
    private readonly double[] _weights;
    private readonly double _effective;
    private readonly double _stepLearning;
    private readonly double _stepDamping;
    private readonly double _pathLearning;
    private readonly double _rankOne;
    private readonly double _rankMany;
    private readonly double _expectedLength;
    private readonly KeyedRandom _random;
    private readonly double[] _mean;
    private readonly double[] _stepPath;
    private readonly double[] _path;
    private readonly Matrix _covariance;
    private Matrix _axes;
    private double[] _lengths;
    private double _step;
    private int _generation;
    private long _drawn;

    public EvolutionStrategy(double[] start, double step, ulong seed)
    {
        int n = _size = start.Length;
        _mean = [.. start];
        _step = step;
        _random = new KeyedRandom(seed, "cma-es");
        _population = 4 + (int)(3 * Math.Log(n));
        double[] weights = [.. Enumerable.Range(1, _population / 2).Select(rank => Math.Log((_population + 1) / 2.0) - Math.Log(rank))];
        _weights = [.. weights.Select(weight => weight / weights.Sum())];
        _effective = 1 / TensorPrimitives.SumOfSquares<double>(_weights);
        _stepLearning = (_effective + 2) / (n + _effective + 5);
        _stepDamping = 1 + (2 * Math.Max(0, Math.Sqrt((_effective - 1) / (n + 1)) - 1)) + _stepLearning;
        _pathLearning = (4 + (_effective / n)) / (n + 4 + (2 * _effective / n));
        _rankOne = 2 / (((n + 1.3) * (n + 1.3)) + _effective);
        _rankMany = Math.Min(1 - _rankOne, 2 * (_effective - 2 + (1 / _effective)) / (((n + 2) * (n + 2)) + _effective));
        _expectedLength = Math.Sqrt(n) * (1 - (1 / (4.0 * n)) + (1 / (21.0 * n * n)));
        _stepPath = new double[n];
        _path = new double[n];
        _covariance = Identity(n);
        _axes = Identity(n);
        _lengths = new double[n];
        Array.Fill(_lengths, 1);
    }

    /// <summary>The points of a generation, in [0, 1]ⁿ.</summary>
    public double[][] Draw()
    {
        double[][] points = new double[_population][];
        for (int i = 0; i < points.Length; i++)
        {
            double[] point = points[i] = [.. _mean];
            for (int axis = 0; axis < _size; axis++)
            {
                double length = _step * _lengths[axis] * _random.Normal(_drawn++);
                for (int row = 0; row < _size; row++)
                    point[row] += length * _axes[row, axis];
            }

            TensorPrimitives.Clamp(point, 0, 1, point);
        }

        return points;
    }

    /// <summary>Learns from the points of a generation, the best first.</summary>
    public void Update(IReadOnlyList<double[]> ranked)
    {
        _generation++;
        double[][] steps = [.. ranked.Take(_weights.Length).Select(point => point.Zip(_mean, (x, mean) => (x - mean) / _step).ToArray())];
        double[] moved = new double[_size];
        for (int i = 0; i < steps.Length; i++)
            TensorPrimitives.MultiplyAdd(steps[i], _weights[i], moved, moved);
        TensorPrimitives.MultiplyAdd(moved, _step, _mean, _mean);

        double[] white = Whitened(moved);
        double pull = Math.Sqrt(_stepLearning * (2 - _stepLearning) * _effective);
        for (int row = 0; row < _size; row++)
            _stepPath[row] = ((1 - _stepLearning) * _stepPath[row]) + (pull * white[row]);
        double pathLength = TensorPrimitives.Norm<double>(_stepPath);
        bool steady = pathLength / Math.Sqrt(1 - Math.Pow(1 - _stepLearning, 2 * _generation)) < (1.4 + (2 / (_size + 1.0))) * _expectedLength;
        double pathPull = steady ? Math.Sqrt(_pathLearning * (2 - _pathLearning) * _effective) : 0;
        for (int row = 0; row < _size; row++)
            _path[row] = ((1 - _pathLearning) * _path[row]) + (pathPull * moved[row]);

        double stay = 1 - _rankOne - _rankMany + (steady ? 0 : _rankOne * _pathLearning * (2 - _pathLearning));
        for (int row = 0; row < _size; row++)
        {
            for (int column = 0; column < _size; column++)
            {
                double value = (stay * _covariance[row, column]) + (_rankOne * _path[row] * _path[column]);
                for (int i = 0; i < steps.Length; i++)
                    value += _rankMany * _weights[i] * steps[i][row] * steps[i][column];
                _covariance[row, column] = value;
            }
        }

        // The range has length 1: longer steps than that only hit the edges.
        _step = Math.Min(1, _step * Math.Exp(Math.Min(1, _stepLearning / _stepDamping * ((pathLength / _expectedLength) - 1))));
        Decompose();
    }

    /// <summary>C^(−1/2) times a vector.</summary>
    private double[] Whitened(double[] vector)
    {
        double[] result = new double[_size];
        for (int axis = 0; axis < _size; axis++)
        {
            double along = 0;
            for (int row = 0; row < _size; row++)
                along += _axes[row, axis] * vector[row];
            for (int row = 0; row < _size; row++)
                result[row] += _axes[row, axis] * along / _lengths[axis];
        }

        return result;
    }

    private void Decompose()
    {
        var copy = new Matrix(_size, _size);
        _covariance.Data.CopyTo(copy.Data, 0);
        (double[] values, _axes) = SpectralKit.SymmetricEigen(copy);
        double smallest = 1e-12 * Math.Max(values[^1], double.Epsilon);
        _lengths = [.. values.Select(value => Math.Sqrt(Math.Max(value, smallest)))];
    }

    private static Matrix Identity(int size)
    {
        var identity = new Matrix(size, size);
        for (int i = 0; i < size; i++)
            identity[i, i] = 1;
        return identity;
    }
}
