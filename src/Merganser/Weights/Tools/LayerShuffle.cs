using System.Globalization;
using System.Text;

namespace Merganser.Weights.Tools;

/// <summary>
/// Recipes that take every layer from one of several models at random (mergekit's <c>layershuffle</c>).
/// </summary>
/// <remarks>
/// By default layer i of the result is layer i of a model drawn with the given weights. With <c>fullRandom</c> each model gives
/// ⌊L·w⌋ of its layers, drawn without replacement, and all are put in random order. The same seed gives the same recipe everywhere.
/// </remarks>
public static class LayerShuffle
{
    /// <summary>Writes the <c>passthrough</c> recipe.</summary>
    /// <param name="models">The models' paths.</param>
    /// <param name="weights">A weight for each model, ≥ 0; null for equal ones.</param>
    /// <param name="layers">The number of layers of each model.</param>
    /// <param name="fullRandom">True to draw layers from anywhere.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="dtype">The type of the result; null to leave it as stored.</param>
    /// <exception cref="MerganserException">The weights cannot be used.</exception>
    public static string ToRecipe(IReadOnlyList<string> models, IReadOnlyList<double>? weights, int layers, bool fullRandom, ulong seed, string? dtype = null)
    {
        ArgumentNullException.ThrowIfNull(models);
        if (models.Count == 0)
            throw new MerganserException("give at least one model with -m");
        weights ??= [.. Enumerable.Repeat(1.0 / models.Count, models.Count)];
        if (weights.Count != models.Count)
            throw new MerganserException($"{models.Count} model(s) but {weights.Count} weight(s); give one -w for each -m, or none");
        double sum = weights.Sum();
        if (weights.Any(weight => !double.IsFinite(weight) || weight < 0) || !(sum > 0) || !double.IsFinite(sum))
            throw new MerganserException("weights must be finite, not negative, and not all 0");

        var random = new KeyedRandom(seed, "layer shuffle");
        List<(int Model, int Start, int End)> slices = fullRandom ? Anywhere(weights, layers, random) : InPlace(weights, sum, layers, random);
        if (slices.Count == 0)
            throw new MerganserException($"with these weights no model gives a layer (of {layers}); make them larger");
        var text = new StringBuilder("merge_method: passthrough\nslices:\n");
        foreach ((int model, int start, int end) in slices)
            text.Append(CultureInfo.InvariantCulture, $"  - sources:\n      - model: {YamlText.Quote(models[model])}\n        layer_range: [{start}, {end}]\n");
        if (dtype is not null)
            text.Append(CultureInfo.InvariantCulture, $"dtype: {dtype}\n");
        return text.ToString();
    }

    private static List<(int Model, int Start, int End)> InPlace(IReadOnlyList<double> weights, double sum, int layers, KeyedRandom random)
    {
        var slices = new List<(int Model, int Start, int End)>();
        for (int layer = 0; layer < layers; layer++)
        {
            double draw = random.NextUniform() * sum;
            int model = 0;
            while (model < weights.Count - 1 && draw >= weights[model])
                draw -= weights[model++];
            // Rounding may carry the draw past the last model that has a weight.
            while (weights[model] == 0)
                model--;
            Add(slices, model, layer);
        }

        return slices;
    }

    private static List<(int Model, int Start, int End)> Anywhere(IReadOnlyList<double> weights, int layers, KeyedRandom random)
    {
        var chosen = new List<(int Model, int Layer)>();
        for (int model = 0; model < weights.Count; model++)
        {
            int count = (int)Math.Min(layers, Math.Floor(layers * weights[model]));
            int[] order = [.. Enumerable.Range(0, layers)];
            random.Shuffle(order);
            foreach (int layer in order.AsSpan(0, count))
                chosen.Add((model, layer));
        }

        (int Model, int Layer)[] all = [.. chosen];
        random.Shuffle(all);
        var slices = new List<(int Model, int Start, int End)>();
        foreach ((int model, int layer) in all)
            Add(slices, model, layer);
        return slices;
    }

    /// <summary>Adds a layer, joined to the last slice when it continues it.</summary>
    private static void Add(List<(int Model, int Start, int End)> slices, int model, int layer)
    {
        if (slices.Count > 0 && slices[^1].Model == model && slices[^1].End == layer)
            slices[^1] = (model, slices[^1].Start, layer + 1);
        else
            slices.Add((model, layer, layer + 1));
    }
}
