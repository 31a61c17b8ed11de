using System.Globalization;
using Merganser.Checkpoints;

namespace Merganser.Weights.Tools;

/// <summary>A tensor's place in a model: the layer and what it is in the layer.</summary>
/// <param name="Layer">The number of the layer; −1 outside the layers.</param>
/// <param name="Kind">What is left of the name: <c>self_attn.q_proj.weight</c> in a layer, the whole name outside.</param>
internal readonly record struct LayerPlace(int Layer, string Kind)
{
    /// <summary>Splits a name at its first number between dots.</summary>
    public static LayerPlace Of(string name)
    {
        int start = 0;
        while (start < name.Length)
        {
            int end = name.IndexOf('.', start);
            if (end < 0)
                break;
            if (int.TryParse(name.AsSpan(start, end - start), NumberStyles.None, CultureInfo.InvariantCulture, out int layer) && start > 0)
                return new LayerPlace(layer, name[(end + 1)..]);
            start = end + 1;
        }

        return new LayerPlace(-1, name);
    }
}

/// <summary>The layers of a model, as its tensors' names show them.</summary>
internal static class ModelLayers
{
    /// <summary>The number of layers.</summary>
    /// <exception cref="MerganserException">No tensor has a layer's number in its name, or a number is missing.</exception>
    public static int Count(ModelFolder model)
    {
        var seen = new HashSet<int>();
        foreach (string name in model.Weights.Tensors.Keys)
        {
            LayerPlace place = LayerPlace.Of(name);
            if (place.Layer >= 0)
                seen.Add(place.Layer);
        }

        if (seen.Count == 0)
            throw new MerganserException($"{model.Path}: no tensor has the number of a layer in its name (as in 'model.layers.0.…'); this model's layers are not recognised");
        if (seen.Max() + 1 != seen.Count)
            throw new MerganserException($"{model.Path}: layer {Enumerable.Range(0, seen.Max()).First(layer => !seen.Contains(layer))} has no tensors");
        return seen.Count;
    }

    /// <summary>The tensors outside the layers, in ordinal order.</summary>
    public static IReadOnlyList<string> Outside(ModelFolder model) =>
        [.. model.Weights.Tensors.Keys.Where(name => LayerPlace.Of(name).Layer < 0).Order(StringComparer.Ordinal)];
}
