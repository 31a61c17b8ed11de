using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>Where and in which type a model computes.</summary>
public sealed record ModelOptions
{
    /// <summary>The defaults: the processor, float32.</summary>
    public static ModelOptions Default { get; } = new();

    /// <summary>The device that holds the parameters.</summary>
    public Device Device { get; init; } = CPU;

    /// <summary>The type of parameters and hidden states. Norm statistics, softmax and rotary tables are float32 in any case.</summary>
    public ScalarType DType { get; init; } = ScalarType.Float32;

    /// <summary>Parameters want gradients.</summary>
    public bool Trainable { get; init; }

    /// <summary>Told what was left out of a file on purpose (buffers, parts of other heads); nothing by default.</summary>
    public Action<string>? Note { get; init; }
}
