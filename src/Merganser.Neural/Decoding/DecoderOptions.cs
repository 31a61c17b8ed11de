using Merganser.Neural.Decoding.Cpu;

namespace Merganser.Neural.Decoding;

/// <summary>How a decoder on the processor stores and computes.</summary>
public sealed record DecoderOptions
{
    /// <summary>
    /// How matrices are stored; left out: in the smallest format that loses nothing, bfloat16 where all of them fit into it, else float32.
    /// Norm weights and biases are float32 in any case; the embedding is bfloat16 where matrices are int8.
    /// </summary>
    public WeightFormat? Weights { get; init; }

    /// <summary>Keys and values are kept as bfloat16; left out: where <see cref="Weights"/> names another format than float32.</summary>
    public bool? HalfCache { get; init; }

    /// <summary>The number of threads; 0 for one per core.</summary>
    public int Threads { get; init; }

    /// <summary>Prompts of this many tokens or more go through the network as a whole; shorter ones token by token.</summary>
    public int PrefillFrom { get; init; } = 4;

    /// <summary>Reads a format: <c>fp32</c>, <c>bf16</c> or <c>int8</c>, or their long names; <c>auto</c> is null.</summary>
    /// <exception cref="MerganserException">The format is unknown.</exception>
    public static WeightFormat? ParseFormat(string text) => text switch
    {
        "auto" => null,
        "fp32" or "f32" or "float32" => WeightFormat.Float32,
        "bf16" or "bfloat16" => WeightFormat.BFloat16,
        "int8" or "i8" => WeightFormat.Int8,
        _ => throw new MerganserException($"format '{text}' is unknown; it is auto, fp32, bf16 or int8"),
    };
}
