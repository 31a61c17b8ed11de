using Merganser.Tests.Weights.Spectral;
using Merganser.Weights;

namespace Merganser.Tests.Weights;

/// <summary>Small random models for property tests.</summary>
internal static class Models
{
    /// <summary>A model with a matrix, a wide matrix, a vector and a tensor of three axes.</summary>
    public static ArrayModel Random(ulong seed, double scale = 1) => new ArrayModel()
        .With("layers.0.a", [12, 9], Values(108, seed, scale))
        .With("layers.0.b", [7, 15], Values(105, seed + 1, scale))
        .With("layers.1.norm", [40], Values(40, seed + 2, scale))
        .With("other", [3, 4, 5], Values(60, seed + 3, scale));

    /// <summary>Base plus a random change.</summary>
    public static ArrayModel Changed(ArrayModel origin, ulong seed, double scale = 0.1)
    {
        var model = new ArrayModel();
        ulong next = seed * 100;
        foreach ((string name, (System.Collections.Immutable.ImmutableArray<long> shape, float[] values)) in origin)
            model.With(name, shape, [.. values.Zip(Values(values.Length, next++, scale), (a, b) => a + b)]);
        return model;
    }

    /// <summary>a + factor·(b − a), element by element.</summary>
    public static ArrayModel Mix(ArrayModel a, ArrayModel b, float factor)
    {
        var model = new ArrayModel();
        foreach ((string name, (System.Collections.Immutable.ImmutableArray<long> shape, float[] values)) in a)
            model.With(name, shape, [.. values.Zip(b[name].Values, (x, y) => x + (factor * (y - x)))]);
        return model;
    }

    public static void AssertSame(ArrayModel expected, ArrayModel actual, double tolerance) => RawGolden.AssertClose(expected, actual, tolerance);

    private static float[] Values(int count, ulong seed, double scale) => [.. SpectralKitTests.Random(count, seed).Select(value => (float)(value * scale))];
}
