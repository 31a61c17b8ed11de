using Merganser.Neural.Decoding.Cpu;

namespace Merganser.Neural.Decoding;

/// <summary>How a decoder on the processor stores and computes.</summary>
public sealed record DecoderOptions
{
    /// <summary>How matrices are stored. Norm weights and biases are float32 in any case; the embedding is bfloat16 where matrices are int8.</summary>
    public WeightFormat Weights { get; init; } = WeightFormat.Float32;

    /// <summary>Keys and values are kept as bfloat16; left out: unless the weights are float32.</summary>
    public bool? HalfCache { get; init; }

    /// <summary>The number of threads; 0 for one per core.</summary>
    public int Threads { get; init; }

    /// <summary>Prompts of this many tokens or more go through the network as a whole; shorter ones token by token.</summary>
    public int PrefillFrom { get; init; } = 4;
}
