namespace Merganser.Experiments.Synth;

/// <summary>
/// The data of the synthetic tasks. A common teacher <c>A = 1.5·G(48×16)/4</c>, <c>B = G(6×48)/√48</c>; task t has its own label map
/// <c>Bt = B + 0.8·G(6×48)/√48</c> and its own domain <c>x = 1.6·G(16) + 0.7·z</c>; the label is argmax(Bt·tanh(A·x)). Generic data
/// are <c>x = 1.7·G(16)</c> with the labels of B.
/// </summary>
internal sealed class SynthWorld
{
    private const int Hidden = 48;

    private readonly float[] _features;

    public SynthWorld(SynthOptions options)
    {
        var random = new SynthRandom((ulong)options.Seed);
        int tasks = options.Tasks + options.HeldOut, size = SynthNetwork.Classes * Hidden;
        double unit = 1 / Math.Sqrt(Hidden);
        _features = random.Normals(Hidden * SynthNetwork.Inputs, 1.5 / 4);
        float[] common = random.Normals(size, unit);
        float[][] means = [.. Enumerable.Range(0, tasks).Select(_ => random.Normals(SynthNetwork.Inputs, 1.6))];
        float[][] maps = [.. Enumerable.Range(0, tasks).Select(_ => random.Normals(size, 0.8 * unit))];
        foreach (float[] map in maps)
        {
            for (int i = 0; i < size; i++)
                map[i] += common[i];
        }

        Train = [.. Enumerable.Range(0, tasks).Select(task => Samples(options.TrainSamples, means[task], 0.7, maps[task], random))];
        Test = [.. Enumerable.Range(0, tasks).Select(task => Samples(options.TestSamples, means[task], 0.7, maps[task], random))];
        Generic = Samples(options.StrongBase ? 4000 : 400, new float[SynthNetwork.Inputs], 1.7, common, random);
        Validation = [.. Enumerable.Range(0, tasks).Select(task => Samples(options.TestSamples / 2, means[task], 0.7, maps[task], random))];
        for (int task = 0; task < tasks && options.LabelNoise > 0; task += 2)
            Disturb(Train[task].Labels, options.LabelNoise, random);
    }

    public SynthSet[] Train { get; }

    public SynthSet[] Validation { get; }

    public SynthSet[] Test { get; }

    public SynthSet Generic { get; }

    private SynthSet Samples(int count, float[] mean, double spread, float[] map, SynthRandom random)
    {
        float[] inputs = new float[count * SynthNetwork.Inputs];
        byte[] labels = new byte[count];
        Span<float> hidden = stackalloc float[Hidden];
        for (int sample = 0; sample < count; sample++)
        {
            Span<float> x = inputs.AsSpan(sample * SynthNetwork.Inputs, SynthNetwork.Inputs);
            for (int i = 0; i < x.Length; i++)
                x[i] = mean[i] + (float)(spread * random.Normal());
            for (int unit = 0; unit < Hidden; unit++)
                hidden[unit] = MathF.Tanh(Dot(_features.AsSpan(unit * SynthNetwork.Inputs, SynthNetwork.Inputs), x));
            float best = float.NegativeInfinity;
            for (int label = 0; label < SynthNetwork.Classes; label++)
            {
                float score = Dot(map.AsSpan(label * Hidden, Hidden), hidden);
                if (score > best)
                    (best, labels[sample]) = (score, (byte)label);
            }
        }

        return new SynthSet(inputs, labels);
    }

    /// <summary>Summed in the order of the elements, so that labels are the same on every machine.</summary>
    private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        float sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    private static void Disturb(byte[] labels, double share, SynthRandom random)
    {
        for (int i = 0; i < labels.Length; i++)
        {
            if (random.Uniform() < share)
                labels[i] = (byte)random.Below(SynthNetwork.Classes);
        }
    }
}
