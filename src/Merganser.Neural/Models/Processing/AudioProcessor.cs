using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Processing;

/// <summary>
/// What is done to sound before Whisper hears it ("Robust Speech Recognition via Large-Scale Weak Supervision", arXiv 2212.04356), as the
/// model's <c>preprocessor_config.json</c> says: one rate, one length (silence is added, what is beyond is cut), the power of a short-time
/// Fourier transform with a Hann window, mel bands to 8 kHz, x = log₁₀ max(·, 10⁻¹⁰), (max(x, max x − 8) + 4)/4.
/// </summary>
public sealed record AudioProcessor
{
    private const double Highest = 8000;
    private const int MaxSamples = 1 << 27;

    /// <summary>The bands of a frame.</summary>
    public int Bands { get; init; } = 80;

    /// <summary>Samples per second.</summary>
    public int Rate { get; init; } = 16_000;

    /// <summary>Samples from one frame to the next.</summary>
    public int Hop { get; init; } = 160;

    /// <summary>Samples of a frame.</summary>
    public int Window { get; init; } = 400;

    /// <summary>The samples of an input, after which it is cut.</summary>
    public int Length { get; init; } = 480_000;

    /// <summary>What is added behind a short input.</summary>
    public float Padding { get; init; }

    /// <summary>Every input is first given the mean 0 and the variance 1.</summary>
    public bool Normalizes { get; init; }

    /// <summary>The processor of a model's folder; without a file the usual one, at the number of bands and the length of the model.</summary>
    /// <exception cref="MerganserException">The file has a wrong value, or does not fit the model.</exception>
    public static AudioProcessor Load(WhisperModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        string path = model.Source is { } folder ? Path.Join(folder, "preprocessor_config.json") : "";
        AudioProcessor usual = new() { Bands = model.Shape.MelBins };
        AudioProcessor result = File.Exists(path) ? Of(ModelConfig.ReadFile(path)) : usual with { Length = usual.Hop * 2 * model.Shape.SourcePositions };
        return result.Bands == model.Shape.MelBins && result.Length / result.Hop == 2 * model.Shape.SourcePositions
            ? result
            : throw new MerganserException($"{path}: makes {result.Length / result.Hop} frames of {result.Bands} bands; the model takes {2 * model.Shape.SourcePositions} of {model.Shape.MelBins}");
    }

    /// <summary>Reads a configuration of Whisper's feature extractor.</summary>
    /// <exception cref="MerganserException">A value is wrong, or the type is another.</exception>
    public static AudioProcessor Of(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config.Text("feature_extractor_type", "WhisperFeatureExtractor") != "WhisperFeatureExtractor")
            throw config.Wrong("feature_extractor_type", "WhisperFeatureExtractor");
        if (config.Number("dither", 0) != 0)
            throw config.Wrong("dither", "0: noise is not added");
        int rate = config.Size("sampling_rate", 16_000), hop = config.Size("hop_length", 160), window = config.Size("n_fft", 400), bands = config.Size("feature_size", 80);
        long length = (long)config.Size("chunk_length", 30) * rate;
        if (rate > Audio.MaxRate)
            throw config.Wrong("sampling_rate", $"at most {Audio.MaxRate}");
        if (length > MaxSamples)
            throw config.Wrong("chunk_length", $"so short that there are at most {MaxSamples} samples");
        if (window < 2 || window / 2 >= length)
            throw config.Wrong("n_fft", "at least 2, and its half less than the samples of an input");
        if (hop > length)
            throw config.Wrong("hop_length", $"at most the {length} samples of an input");
        if (bands > window)
            throw config.Wrong("feature_size", $"at most n_fft, {window}");
        return new AudioProcessor
        {
            Bands = bands,
            Rate = rate,
            Hop = hop,
            Window = window,
            Length = (int)length,
            Padding = (float)config.Number("padding_value", 0),
            Normalizes = config.Flag("do_normalize", false),
        };
    }

    /// <summary>Float32 [B, bands, frames] on the processor, frames = length/hop. Other rates are resampled.</summary>
    public Tensor Process(IReadOnlyList<Audio> sounds)
    {
        ArgumentNullException.ThrowIfNull(sounds);
        ArgumentOutOfRangeException.ThrowIfZero(sounds.Count);
        float[] samples = new float[checked(sounds.Count * Length)];
        for (int i = 0; i < sounds.Count; i++)
            Fit(sounds[i], samples.AsSpan(i * Length, Length));
        using DisposeScope scope = NewDisposeScope();

        // In double precision: two float32 roads through this differ by more than 1e-5 where a band is weak.
        Tensor spectrum = stft(tensor(samples, [sounds.Count, Length]).to(ScalarType.Float64), Window, Hop, Window, hann_window(Window, dtype: ScalarType.Float64), center: true, pad_mode: PaddingModes.Reflect, onesided: true, return_complex: true);
        Tensor power = spectrum.narrow(-1, 0, Length / Hop).abs().square(); // The frame over the end is dropped.
        Tensor log = matmul(MelFilters.Make(Bands, (Window / 2) + 1, Rate, Highest), power).clamp_min(1e-10).log10();
        return scope.MoveToOuter(((log.maximum(log.amax([1, 2], keepdim: true) - 8.0) + 4.0) / 4.0).to(ScalarType.Float32));
    }

    private void Fit(Audio sound, Span<float> target)
    {
        ReadOnlySpan<float> samples = sound.Resample(Rate).Samples;
        samples = samples[..Math.Min(samples.Length, target.Length)];
        samples.CopyTo(target);
        target[samples.Length..].Fill(Padding);
        if (!Normalizes || samples.Length == 0)
            return;
        double mean = 0, variance = 0;
        foreach (float sample in samples)
            mean += sample;
        mean /= samples.Length;
        foreach (float sample in samples)
            variance += (sample - mean) * (sample - mean);
        double scale = 1 / Math.Sqrt((variance / samples.Length) + 1e-7);
        for (int i = 0; i < samples.Length; i++)
            target[i] = (float)((samples[i] - mean) * scale);
    }
}
