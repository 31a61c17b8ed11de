namespace Merganser.Neural.Models;

/// <summary>The frequencies of a rotary table, and how a model stretches them over longer contexts.</summary>
internal sealed class RotaryScaling
{
    private readonly ModelConfig _block;
    private readonly string _kind;
    private readonly double _theta;
    private readonly int _original;
    private readonly int _maximum;
    private readonly double? _factor;
    private float[]? _fixed;

    private RotaryScaling(ModelConfig block, string kind, double theta, int width, int maximum)
    {
        _block = block;
        _kind = kind;
        _theta = theta;
        Width = width;
        _maximum = maximum;
        _original = block.Size("original_max_position_embeddings", maximum);
        _factor = block.Has("factor") ? block.Number("factor", 1) : null;
        if (_factor is <= 0)
            throw block.Wrong("factor", "a positive number");
        AttentionFactor = FindAttentionFactor();
    }

    public int Width { get; }

    /// <summary>Multiplies cosines and sines.</summary>
    public double AttentionFactor { get; }

    /// <summary>Reads both generations of the keys.</summary>
    /// <param name="config">The configuration of the model.</param>
    /// <param name="headDim">The width of a head.</param>
    /// <param name="defaultTheta">θ if no key gives it.</param>
    /// <param name="defaultPartial">The rotated part of a head if no key gives it.</param>
    public static RotaryScaling Read(ModelConfig config, int headDim, double defaultTheta = 10_000, double defaultPartial = 1)
    {
        string key = config.Has("rope_parameters") ? "rope_parameters" : "rope_scaling";
        ModelConfig block = config.Block(key);
        string kind = block.Text("rope_type", block.Text("type", "default"));
        if (kind is not ("default" or "linear" or "dynamic" or "llama3" or "yarn" or "longrope"))
            throw config.Wrong(key, "rope_type default, linear, dynamic, llama3, yarn or longrope");
        double theta = block.Number("rope_theta", config.Number("rope_theta", defaultTheta));
        double partial = block.Number("partial_rotary_factor", config.Number("partial_rotary_factor", defaultPartial));
        int width = (int)(headDim * partial);
        if (theta <= 0)
            throw config.Wrong("rope_theta", "a positive number");
        if (width < 2 || width % 2 != 0 || width > headDim)
            throw new MerganserException($"config.json: heads of width {headDim} with a rotary part of {partial} give a rotary width of {width}; it must be even, at least 2 and at most the width of the head");
        return new RotaryScaling(block, kind, theta, width, config.Size("max_position_embeddings", 2048));
    }

    /// <summary>inv_m for sequences of this length.</summary>
    public float[] InverseFrequencies(long longest) => _kind switch
    {
        "dynamic" when longest > _maximum => Plain(_theta * Math.Pow((Factor * longest / _maximum) - (Factor - 1), Width / (Width - 2.0))),
        "longrope" => LongRope(longest),
        _ => _fixed ??= Fixed(),
    };

    private double Factor => _factor ?? (_kind is "yarn" or "longrope" ? (double)_maximum / _original : 1);

    private float[] Fixed()
    {
        float[] inverse = Plain(_theta);
        switch (_kind)
        {
            case "linear":
                for (int i = 0; i < inverse.Length; i++)
                    inverse[i] /= (float)Factor;
                break;
            case "llama3":
                Llama3(inverse);
                break;
            case "yarn":
                Yarn(inverse);
                break;
        }

        return inverse;
    }

    private float[] Plain(double theta)
    {
        var inverse = new float[Width / 2];
        for (int m = 0; m < inverse.Length; m++)
            inverse[m] = 1 / (float)Math.Pow(theta, 2f * m / Width);
        return inverse;
    }

    private void Llama3(float[] inverse)
    {
        double low = _block.Number("low_freq_factor", 1), high = _block.Number("high_freq_factor", 4);
        if (high <= low)
            throw _block.Wrong("high_freq_factor", "more than low_freq_factor");
        for (int m = 0; m < inverse.Length; m++)
        {
            double wavelength = 2 * Math.PI / inverse[m];
            if (wavelength < _original / high)
                continue;
            double smooth = ((_original / wavelength) - low) / (high - low);
            inverse[m] = wavelength > _original / low
                ? (float)(inverse[m] / Factor)
                : (float)(((1 - smooth) * inverse[m] / Factor) + (smooth * inverse[m]));
        }
    }

    private void Yarn(float[] inverse)
    {
        double Correction(double rotations) => Width * Math.Log(_original / (rotations * 2 * Math.PI)) / (2 * Math.Log(_theta));
        double low = Correction(_block.Number("beta_fast", 32)), high = Correction(_block.Number("beta_slow", 1));
        if (_block.Flag("truncate", true))
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, Width - 1));
        if (low == high)
            high += 0.001;
        for (int m = 0; m < inverse.Length; m++)
        {
            double ramp = Math.Clamp((m - low) / (high - low), 0, 1);
            inverse[m] = (float)((inverse[m] / Factor * ramp) + (inverse[m] * (1 - ramp)));
        }
    }

    private float[] LongRope(long longest)
    {
        string key = longest > _original ? "long_factor" : "short_factor";
        IReadOnlyList<double> factors = _block.Numbers(key);
        if (factors.Count != Width / 2)
            throw _block.Wrong(key, $"{Width / 2} numbers");
        float[] inverse = Plain(_theta);
        for (int m = 0; m < inverse.Length; m++)
            inverse[m] /= (float)factors[m];
        return inverse;
    }

    private double FindAttentionFactor()
    {
        static double Magnitude(double scale, double factor) => scale > 1 ? (0.1 * factor * Math.Log(scale)) + 1 : 1;
        return _kind switch
        {
            "yarn" or "longrope" when _block.Has("attention_factor") => _block.Number("attention_factor", 1),
            "yarn" when _block.Has("mscale") && _block.Has("mscale_all_dim") => Magnitude(Factor, _block.Number("mscale", 1)) / Magnitude(Factor, _block.Number("mscale_all_dim", 1)),
            "yarn" => Magnitude(Factor, 1),
            "longrope" when Factor > 1 => Math.Sqrt(1 + (Math.Log(Factor) / Math.Log(_original))),
            _ => 1,
        };
    }
}
