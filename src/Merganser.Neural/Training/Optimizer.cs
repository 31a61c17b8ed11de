using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>
/// Changes parameters along their gradients. A method names its state per parameter and updates a run of elements; here are the passes
/// over all parameters: on the processor one fused pass on the elements themselves, cut in pieces that threads share, with the same result
/// for any number of threads; on other devices a handful of tensor operations.
/// </summary>
public abstract unsafe class Optimizer : IDisposable
{
    private const int Piece = 1 << 16;
    private const long WorthThreads = 1 << 18;

    private readonly Tensor[][] _state;
    private readonly bool[] _direct;

    /// <summary>Makes the state, zeros.</summary>
    protected Optimizer(IReadOnlyList<TrainedParameter> parameters, params string[] stateNames)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        (Parameters, StateNames) = (parameters, stateNames);
        _state = [.. parameters.Select(parameter => stateNames.Select(_ => zeros_like(parameter.Master, requires_grad: false).DetachFromDisposeScope()).ToArray())];
        _direct = [.. parameters.Select(parameter => parameter.Master.device_type == DeviceType.CPU && parameter.Master.is_contiguous() && parameter.Count < int.MaxValue / sizeof(float))];
    }

    /// <summary>What is trained.</summary>
    public IReadOnlyList<TrainedParameter> Parameters { get; }

    /// <summary>The names of the tensors kept for each parameter.</summary>
    public IReadOnlyList<string> StateNames { get; }

    /// <summary>The options as a text, to tell runs apart.</summary>
    public abstract string Description { get; }

    /// <summary>Threads of a step; all cores by default.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>The state of a parameter, in the order of <see cref="StateNames"/>.</summary>
    public IReadOnlyList<Tensor> StateOf(int parameter) => _state[parameter];

    /// <summary>The Euclidean norm of all gradients together.</summary>
    public double GradientNorm()
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        double[] sums = new double[Parameters.Count];
        for (int i = 0; i < sums.Length; i++)
        {
            if (Parameters[i].Gradient() is not { } gradient)
                continue;
            if (!_direct[i])
            {
                sums[i] = gradient.to(ScalarType.Float64).square().sum().item<double>();
                continue;
            }

            ReadOnlySpan<float> values = new(Pointer(gradient), (int)gradient.numel());
            for (int start = 0; start < values.Length; start += Piece)
                sums[i] += System.Numerics.Tensors.TensorPrimitives.SumOfSquares(values.Slice(start, Math.Min(Piece, values.Length - start)));
        }

        return Math.Sqrt(sums.Sum());
    }

    /// <summary>One update; then the gradients are gone.</summary>
    /// <param name="rate">The learning rate.</param>
    /// <param name="gradientScale">What gradients are multiplied with: clipping, the mean over parts of a batch.</param>
    /// <param name="step">The number of this update, from 1.</param>
    public void Step(double rate, double gradientScale, long step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        var pieces = new List<Run>();
        for (int i = 0; i < Parameters.Count; i++)
        {
            if (Parameters[i].Gradient() is not { } gradient)
                continue;
            if (!_direct[i])
            {
                Update(Parameters[i], gradient, _state[i], rate, gradientScale, step);
                continue;
            }

            float* value = Pointer(Parameters[i].Master), slope = Pointer(gradient);
            float* first = _state[i].Length > 0 ? Pointer(_state[i][0]) : null, second = _state[i].Length > 1 ? Pointer(_state[i][1]) : null;
            int count = (int)Parameters[i].Count;
            for (int start = 0; start < count; start += Piece)
                pieces.Add(new Run(value + start, slope + start, first is null ? null : first + start, second is null ? null : second + start, Math.Min(Piece, count - start), Parameters[i].Decays));
        }

        if (Threads > 1 && (long)pieces.Count * Piece >= WorthThreads)
            Parallel.For(0, pieces.Count, new ParallelOptions { MaxDegreeOfParallelism = Threads }, i => Update(pieces[i], rate, gradientScale, step));
        else
            pieces.ForEach(piece => Update(piece, rate, gradientScale, step));
        foreach (TrainedParameter parameter in Parameters)
        {
            parameter.Publish();
            parameter.ClearGradient();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Lets go of the state.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (!disposing)
            return;
        foreach (Tensor tensor in _state.SelectMany(tensors => tensors))
            tensor.Dispose();
    }

    /// <summary>Updates a run of elements in place.</summary>
    private protected abstract void Update(in Run run, double rate, double gradientScale, long step);

    /// <summary>The same with tensor operations.</summary>
    private protected abstract void Update(TrainedParameter parameter, Tensor gradient, Tensor[] state, double rate, double gradientScale, long step);

    private static float* Pointer(Tensor tensor)
    {
        fixed (byte* start = tensor.bytes) // Native memory: it does not move.
            return (float*)start;
    }

    /// <summary>A run of elements of one parameter with its gradient and state.</summary>
    private protected readonly struct Run(float* values, float* gradients, float* first, float* second, int count, bool decays)
    {
        public readonly bool Decays = decays;
        private readonly int _count = count;
        private readonly float* _values = values, _gradients = gradients, _first = first, _second = second;

        public Span<float> Values => new(_values, _count);

        public ReadOnlySpan<float> Gradients => new(_gradients, _count);

        public Span<float> First => new(_first, _first is null ? 0 : _count);

        public Span<float> Second => new(_second, _second is null ? 0 : _count);
    }
}
