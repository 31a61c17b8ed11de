using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// Rotary position embedding in the half-split form: angle(p, m) = p·inv_m, inv_m = θ^(−2m/r), for m = 0 … r/2−1 and rotary width r;
/// x' = x·cos + rotate_half(x)·sin. Knows the scalings <c>default</c>, <c>linear</c>, <c>dynamic</c>, <c>llama3</c>, <c>yarn</c> and
/// <c>longrope</c>, from <c>rope_parameters</c> or from the older <c>rope_theta</c> and <c>rope_scaling</c>. Tables are float32.
/// </summary>
public sealed class RotaryTable
{
    private readonly RotaryScaling _scaling;

    internal RotaryTable(RotaryScaling scaling) => _scaling = scaling;

    /// <summary>The number of leading dimensions of a head that are rotated; even.</summary>
    public int Width => _scaling.Width;

    /// <summary>Cosines and sines [B, 1, T, r] for positions [B, T].</summary>
    /// <param name="positions">Position of each token, int64.</param>
    /// <param name="longest">The largest position plus one; scalings that depend on the length look at it.</param>
    public (Tensor Cos, Tensor Sin) At(Tensor positions, long longest)
    {
        float[] inverse = _scaling.InverseFrequencies(longest);
        Tensor frequencies = tensor(inverse, device: positions.device);
        Tensor angles = positions.to(ScalarType.Float32).unsqueeze(-1) * frequencies;
        Tensor both = cat([angles, angles], -1).unsqueeze(1);
        double factor = _scaling.AttentionFactor;
        return factor == 1 ? (both.cos(), both.sin()) : (both.cos() * factor, both.sin() * factor);
    }

    /// <summary>The same for one position without tensors: r/2 cosines and sines.</summary>
    internal void Fill(long position, long longest, Span<float> cos, Span<float> sin)
    {
        float[] inverse = _scaling.InverseFrequencies(longest);
        float factor = (float)_scaling.AttentionFactor;
        for (int m = 0; m < inverse.Length; m++)
            (sin[m], cos[m]) = (MathF.Sin(position * inverse[m]) * factor, MathF.Cos(position * inverse[m]) * factor);
    }

    /// <summary>Rotates the first <see cref="Width"/> dimensions of x [B, H, T, D]; the rest passes.</summary>
    public Tensor Rotate(Tensor x, (Tensor Cos, Tensor Sin) table)
    {
        long dimensions = x.shape[^1];
        Tensor head = dimensions == Width ? x : x.narrow(-1, 0, Width);
        Tensor cos = table.Cos.to(x.dtype), sin = table.Sin.to(x.dtype);
        long half = Width / 2;
        Tensor turned = cat([head.narrow(-1, half, half).neg(), head.narrow(-1, 0, half)], -1);
        Tensor rotated = (head * cos) + (turned * sin);
        return dimensions == Width ? rotated : cat([rotated, x.narrow(-1, Width, dimensions - Width)], -1);
    }
}
