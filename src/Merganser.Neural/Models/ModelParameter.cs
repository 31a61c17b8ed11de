using System.Collections.Immutable;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>One tensor of a model under its published name. Layers hold the parameter, not the tensor, so that loading, tying and casting can change it.</summary>
public sealed class ModelParameter
{
    private Tensor? _value;

    internal ModelParameter(string name, ImmutableArray<long> shape, Initialization initialization)
    {
        Name = name;
        Shape = shape;
        Initialization = initialization;
    }

    /// <summary>The name in checkpoints.</summary>
    public string Name { get; }

    /// <summary>The shape, layout of the published files.</summary>
    public ImmutableArray<long> Shape { get; }

    /// <summary>What a new model puts here.</summary>
    public Initialization Initialization { get; }

    /// <summary>The parameter whose tensor this one shares when the file has none or the same one.</summary>
    public ModelParameter? TiedTo { get; init; }

    /// <summary>A new model shares the tensor of <see cref="TiedTo"/>; otherwise it draws its own.</summary>
    public bool StartsTied { get; init; } = true;

    /// <summary>May be missing in a file; then <see cref="IsPresent"/> is false.</summary>
    public bool IsOptional { get; init; }

    /// <summary>How a linear layer multiplies by this weight; <see cref="LinearLayout.None"/> if none does.</summary>
    internal LinearLayout Layout { get; set; }

    /// <summary>What the linear layer adds to its product with this weight; nothing by default.</summary>
    internal LowRankAdapter? Adapter { get; set; }

    /// <summary>Whether there is a tensor.</summary>
    public bool IsPresent => _value is not null || (IsTied && TiedTo!.IsPresent);

    /// <summary>Whether the tensor is the other parameter's.</summary>
    public bool IsTied => TiedTo is not null && _value is null;

    /// <summary>The tensor.</summary>
    /// <exception cref="InvalidOperationException">The parameter was not loaded or initialised.</exception>
    public Tensor Value => _value ?? (TiedTo is { } other ? other.Value : throw new InvalidOperationException($"'{Name}' has no value yet"));

    /// <summary>The tensor, or null where an optional parameter is missing.</summary>
    public Tensor? ValueOrNull => IsPresent ? Value : null;

    /// <summary>Takes a tensor and owns it from here on; null lets go of it.</summary>
    public void Set(Tensor? value)
    {
        if (value is not null && !value.shape.AsSpan().SequenceEqual(Shape.AsSpan()))
            throw new ArgumentException($"'{Name}' is [{string.Join(", ", Shape)}], not [{string.Join(", ", value.shape)}]", nameof(value));
        if (!ReferenceEquals(value, _value))
            _value?.Dispose();
        _value = value?.DetachFromDisposeScope();
    }
}

/// <summary>How the weight of a linear layer is stored.</summary>
internal enum LinearLayout
{
    /// <summary>It is none.</summary>
    None,

    /// <summary>[outputs, inputs].</summary>
    OutputMajor,

    /// <summary>[inputs, outputs].</summary>
    InputMajor,
}

/// <summary>How a new parameter begins.</summary>
public enum Initialization
{
    /// <summary>Normal with standard deviation 0.02 (the model may ask for another).</summary>
    Normal,

    /// <summary>Zeros: biases.</summary>
    Zeros,

    /// <summary>Ones: norm weights.</summary>
    Ones,
}
