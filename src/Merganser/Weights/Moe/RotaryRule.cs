using Merganser.Checkpoints;

namespace Merganser.Weights.Moe;

/// <summary>
/// Rotary position embedding ("RoFormer", arXiv 2104.09864) in the half-split form, with the ways of stretching it that
/// checkpoints name: none, <c>linear</c>, <c>dynamic</c>, <c>llama3</c>, <c>yarn</c>.
/// </summary>
internal sealed class RotaryRule
{
    private readonly string _type;
    private readonly double _theta;
    private readonly double _factor;
    private readonly double _most;
    private readonly double _original;
    private readonly double _low;
    private readonly double _high;
    private readonly double _betaFast;
    private readonly double _betaSlow;
    private readonly bool _truncate;
    private readonly double _scale = 1;

    private RotaryRule(ModelFolder folder, int headWidth)
    {
        string group = folder.GetConfig("rope_parameters") is not null ? "rope_parameters" : "rope_scaling";
        double Value(string key, double fallback, double smallest = 0) => CausalShape.Number(folder, $"{group}.{key}", fallback, smallest);
        _type = folder.GetConfigString($"{group}.rope_type") ?? folder.GetConfigString($"{group}.type") ?? "default";
        if (_type is not ("default" or "linear" or "dynamic" or "llama3" or "yarn"))
            throw CausalShape.Bad(folder, $"{group}.rope_type", $"is '{_type}'; known are default, linear, dynamic, llama3 and yarn");
        _theta = Value("rope_theta", CausalShape.Number(folder, "rope_theta", 10_000, 0));
        double partial = Value("partial_rotary_factor", CausalShape.Number(folder, "partial_rotary_factor", 1, 0));
        Width = (int)(headWidth * Math.Min(1, partial));
        if (Width < 2 || Width % 2 != 0)
            throw CausalShape.Bad(folder, "head_dim", $"gives {Width} rotated elements; that must be an even number");
        _most = CausalShape.Number(folder, "max_position_embeddings", 2048, 0);
        _original = Value("original_max_position_embeddings", CausalShape.Number(folder, "original_max_position_embeddings", _most, 0));
        bool needed = _type is "linear" or "dynamic" or "llama3";
        if (needed && folder.GetConfig($"{group}.factor") is null)
            throw CausalShape.Bad(folder, $"{group}.factor", "is missing");
        _factor = Value("factor", _most / _original);
        _low = Value("low_freq_factor", 1);
        _high = Value("high_freq_factor", 4);
        _betaFast = Value("beta_fast", 32);
        _betaSlow = Value("beta_slow", 1);
        _truncate = folder.GetConfigBool($"{group}.truncate") ?? true;
        if (_type == "yarn")
        {
            double Growth(double a) => _factor > 1 ? (0.1 * a * Math.Log(_factor)) + 1 : 1;
            double all = Value("mscale_all_dim", 0, double.NegativeInfinity), single = Value("mscale", 0, double.NegativeInfinity);
            _scale = Value("attention_factor", all != 0 && single != 0 ? Growth(single) / Growth(all) : Growth(1));
        }
    }

    /// <summary>How many elements at the beginning of a head are rotated.</summary>
    public int Width { get; }

    public static RotaryRule Read(ModelFolder folder, int headWidth) => new(folder, headWidth);

    /// <summary>Cosines and sines for positions 0 to <paramref name="positions"/> − 1, each [positions, Width / 2].</summary>
    /// <param name="positions">How many positions.</param>
    /// <param name="length">The length that the stretching depends on: that of the padded sequence.</param>
    public (float[] Cosines, float[] Sines) Table(int positions, int length)
    {
        int half = Width / 2;
        float[] frequencies = Frequencies(length);
        float[] cosines = new float[checked(positions * half)], sines = new float[positions * half];
        for (int position = 0; position < positions; position++)
        {
            for (int m = 0; m < half; m++)
            {
                // The reference takes the angle in float32 too; for far positions that can be seen.
                (double sine, double cosine) = Math.SinCos(position * frequencies[m]);
                cosines[(position * half) + m] = (float)(cosine * _scale);
                sines[(position * half) + m] = (float)(sine * _scale);
            }
        }

        return (cosines, sines);
    }

    private float[] Frequencies(int length)
    {
        double theta = _theta;
        if (_type == "dynamic" && length > _most && Width > 2)
            theta *= Math.Pow((_factor * length / _most) - (_factor - 1), Width / (Width - 2.0));
        float[] frequencies = new float[Width / 2];
        for (int m = 0; m < frequencies.Length; m++)
            frequencies[m] = (float)Stretched(Math.Pow(theta, -2.0 * m / Width), m);
        return frequencies;
    }

    private double Stretched(double frequency, int m)
    {
        switch (_type)
        {
            case "linear":
                return frequency / _factor;
            case "llama3":
                double wave = 2 * Math.PI / frequency;
                if (wave < _original / _high)
                    return frequency;
                if (wave > _original / _low)
                    return frequency / _factor;
                double s = ((_original / wave) - _low) / (_high - _low);
                return frequency * (((1 - s) / _factor) + s);
            case "yarn":
                double Dimension(double turns) => Width * Math.Log(_original / (2 * Math.PI * turns)) / (2 * Math.Log(_theta));
                double low = Dimension(_betaFast), high = Dimension(_betaSlow);
                if (_truncate)
                    (low, high) = (Math.Floor(low), Math.Ceiling(high));
                (low, high) = (Math.Max(low, 0), Math.Min(high, Width - 1));
                double ramp = Math.Clamp((m - low) / (high == low ? 0.001 : high - low), 0, 1);
                return frequency * ((ramp / _factor) + 1 - ramp);
            default:
                return frequency;
        }
    }
}
