using CsCheck;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Execution;

namespace Merganser.Tests.Weights.Selection;

/// <summary>What is computed on stored bfloat16 words must have the bits of what is computed on float32 tiles, which the same values stored in float32 take.</summary>
public sealed class StoredTaskVectorTests
{
    public static TheoryData<string, double[], string[]> Recipes { get; } = new()
    {
        { "dare_linear", [0.5, 0.3], ["weight=0.3,0.8", "lambda=0.7"] },
        { "dare_ties", [0.5, 0.5], ["weight=0.5,0.5"] },
        { "dare_ties", [0.1, 0.9], ["weight=0.6,-0.2", "normalize=1"] },
        { "dare_ties", [0.5], ["weight=0.5", "rescale=0"] },
        { "dare_ties", [0.5, 1, 0.25], ["weight=0.5,0,0.7"] },
        { "ties", [0.5, 0.5], ["weight=0.5,0.5"] },
        { "ties", [0.2, 0.9], ["weight=0.3,-0.8", "lambda=1.3"] },
        { "ties", [0.4, 1, 0.6, 0.01], ["weight=0.3,0.8,0.1,0.5", "rescale=1"] },
        { "ties", [0.3], ["weight=1", "normalize=0"] },
        { "ties", [0, 0.5], ["weight=0.5,0.5"] },
        { "breadcrumbs", [0.5, 0.9], ["weight=0.5,0.5", "gamma=0.05,0.01"] },
        { "breadcrumbs_ties", [0.5, 0.6], ["weight=0.5,0.25", "gamma=0.01,0.3"] },
        { "breadcrumbs_ties", [0.99, 0.6, 0.1], ["weight=0.5,0.25,0.1", "gamma=0.01,0.3,0.5"] },
        { "della", [0.5, 0.5], ["weight=0.5,0.5", "epsilon=0.1,0.1"] },
        { "della", [0.5, 0.4], ["weight=0.5,-0.3", "epsilon=0.49,0.0001"] },
        { "della_linear", [0.3, 0, 1], ["weight=0.5,0.3,0.1", "epsilon=0.2,0,0.1"] },
        { "della", [0.5, 0.5], ["weight=0.5,0.5", "epsilon=0,0.2"] },
        { "task_arithmetic", [1, 1, 1], ["weight=0.5,-0.5,0.1"] },
        { "dare", [], ["weight=0.5,0.5", "drop_rate=0.3"] },
    };

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Stored_words_give_the_bits_of_tiles(string method, double[] densities, string[] options)
    {
        int models = options[0].Count(letter => letter == ',') + 1;
        var parameters = new ParameterSet();
        for (int model = 0; model < densities.Length; model++)
            parameters.Set("density", densities[model], model);
        foreach (string option in options)
        {
            string[] parts = option.Split('=');
            double[] values = [.. parts[1].Split(',').Select(text => double.Parse(text, System.Globalization.CultureInfo.InvariantCulture))];
            bool isPerModel = MergeMethods.Find(method)!.Parameters.First(parameter => parameter.Name == parts[0]).PerModel;
            for (int model = 0; model < values.Length; model++)
                parameters.Set(parts[0], values[model], isPerModel ? model : -1);
        }

        Gen.Select(Gen.Int[1, 5], Gen.OneOf(Gen.Int[1, 70], Gen.Int[1, 5].Select(part => part * 160), Gen.Const(2048), Gen.Int[100, 6000]), Gen.Int[0, 5], Gen.Int)
            .Sample((rows, length, kind, seed) => Check(method, parameters, models, rows, length, kind, seed), iter: 60);
        Check(method, parameters, models, 40, 2048, 5, 1);
        Check(method, parameters, models, 30, 5632, 0, 2);
        Check(method, parameters, models, 1, 70_001, 5, 3);
    }

    private static void Check(string method, ParameterSet parameters, int models, int rows, int length, int kind, int seed)
    {
        var random = new Random(seed);
        float[] origin = Values(random, rows * length, kind, null);
        float[][] inputs = [.. Enumerable.Range(0, models).Select(_ => Values(random, rows * length, kind, origin))];
        byte[] stored = Merge(DType.BF16);
        Assert.Equal(Merge(DType.F32), stored);

        byte[] Merge(DType type)
        {
            long[] shape = rows == 1 ? [length] : [rows, length];
            var job = new TensorJob(new TensorInfo("t", DType.BF16, [.. shape]), [.. inputs.Select(values => MemoryTensor.Of("t", [.. shape], values, type))])
            {
                Method = MergeMethods.Find(method),
                Base = MemoryTensor.Of("t", [.. shape], origin, type),
                Context = new TensorContext
                {
                    Name = "t",
                    Shape = [.. shape],
                    Models = [.. inputs.Select((_, model) => $"m{model}")],
                    HasBase = true,
                    Parameters = parameters,
                    Seed = (ulong)seed,
                },
            };
            var sink = new Sink(new byte[2 * rows * length]);
            using var driver = new TensorDriver(new DriverOptions { CheckFinite = true, ChunkBytes = 32 << 10 });
            driver.Merge(job, job.Method!.Create(job.Context!, null), 0, sink);
            return sink.Bytes;
        }
    }

    private static float[] Values(Random random, int count, int kind, float[]? near)
    {
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
        {
            float change = kind switch
            {
                0 => (float)(random.NextDouble() - 0.5) / 8,
                1 => random.Next(-2, 3) / 4f, // ties everywhere
                2 => random.Next(3) == 0 ? 0f : -0f,
                3 => BitConverter.UInt32BitsToSingle((uint)random.Next(0, 0x200) << 16), // denormal numbers
                4 => random.Next(8) == 0 ? BitConverter.UInt32BitsToSingle((uint)random.Next(0x7F80) << 16) : 0f, // all sizes
                _ => (float)Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * (float)Math.Cos(2 * Math.PI * random.NextDouble()) / (near is null ? 50 : 500),
            };
            values[i] = Rounding.BFloat16.Apply(near is null || random.Next(16) == 0 ? change : near[i] + change);
            if (!float.IsFinite(values[i]))
                values[i] = 1;
        }

        return values;
    }

    private sealed class Sink(byte[] bytes) : ITensorSink
    {
        public byte[] Bytes => bytes;

        public void Write(int tensor, long byteOffset, ReadOnlySpan<byte> part) => part.CopyTo(bytes.AsSpan((int)byteOffset));
    }
}
