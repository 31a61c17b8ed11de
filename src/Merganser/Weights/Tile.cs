namespace Merganser.Weights;

/// <summary>
/// A run of consecutive elements of one tensor: the inputs as float32 and room for the output. The memory belongs to the
/// executor and is valid during the call only. Inputs may be overwritten: they are a private copy.
/// </summary>
public readonly unsafe ref struct Tile
{
    /// <summary>The usual length: small enough for all inputs to stay in the first-level cache.</summary>
    public const int MaxElements = 2048;

    private readonly float** _inputs;
    private readonly float* _output;
    private readonly int _models;

    /// <summary>Makes a tile over native memory: <paramref name="inputs"/> points to the base (or null) and then to every model.</summary>
    internal Tile(long start, int count, float** inputs, int models, float* output)
    {
        Start = start;
        Count = count;
        _inputs = inputs;
        _models = models;
        _output = output;
    }

    /// <summary>The index of the first element in the tensor.</summary>
    public long Start { get; }

    /// <summary>The number of elements.</summary>
    public int Count { get; }

    /// <summary>The number of models, the base not counted when it is kept apart.</summary>
    public int ModelCount => _models;

    /// <summary>The base; empty when there is none that is kept apart.</summary>
    public Span<float> Base => _inputs[0] == null ? default : new Span<float>(_inputs[0], Count);

    /// <summary>The output; empty during a scan.</summary>
    public Span<float> Output => _output == null ? default : new Span<float>(_output, Count);

    /// <summary>One model.</summary>
    public Span<float> Model(int model)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)model, (uint)_models, nameof(model));
        return new Span<float>(_inputs[model + 1], Count);
    }
}
