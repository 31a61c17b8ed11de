using Merganser.Checkpoints.Architectures;

namespace Merganser.Checkpoints;

/// <summary>Finds the tensors of an architecture in a model.</summary>
public static class WeightLookup
{
    /// <summary>The tensor under its name, its aliases or (with <paramref name="includeTied"/>) its tied names, in this order; null when the model has none of them.</summary>
    /// <remarks>Fill in the layer first, with <see cref="WeightDefinition.InLayer"/>.</remarks>
    public static TensorSource? Find(this WeightDefinition weight, ModelFolder model, bool includeTied = true)
    {
        IReadOnlyDictionary<string, TensorSource> tensors = model.Weights.Tensors;
        if (tensors.TryGetValue(weight.Name, out TensorSource? tensor))
            return tensor;
        foreach (string alias in weight.Aliases)
        {
            if (tensors.TryGetValue(alias, out tensor))
                return tensor;
        }

        foreach (string tied in includeTied ? weight.TiedNames : [])
        {
            if (tensors.TryGetValue(tied, out tensor))
                return tensor;
        }

        return null;
    }

    /// <summary>The number of layers of the only module.</summary>
    /// <exception cref="ArgumentException">The architecture has several modules: ask with one of them.</exception>
    /// <exception cref="MerganserException">As the other overload.</exception>
    public static int LayerCount(this Architecture architecture, ModelFolder model) =>
        architecture.Modules.Length == 1
            ? architecture.Modules[0].LayerCount(model)
            : throw new ArgumentException($"{architecture.Name} has {architecture.Modules.Length} modules", nameof(architecture));

    /// <summary>
    /// The number of layers that the configuration promises, else the highest number in a name plus one. Checkpoints may have more layers
    /// than the configuration says (extra layers for multi-token prediction): those do not count, see <see cref="Unplaced"/>.
    /// </summary>
    /// <exception cref="MerganserException">The configuration promises more layers than the checkpoint has.</exception>
    public static int LayerCount(this ArchitectureModule module, ModelFolder model)
    {
        int present = PresentLayers(module, model);
        int? promised = model.GetConfigInt(module.LayerCountKey);
        if (promised > present && !module.Layer.IsEmpty)
            throw new MerganserException($"{model.Path}: config.json says {module.LayerCountKey} = {promised}, but the weights have {present} layers; the checkpoint is not complete, or the key is wrong");
        return promised is { } count && !module.Layer.IsEmpty ? count : present;
    }

    /// <summary>The tensors of a model that no part of the architecture stands for, such as layers beyond the configured number, in ordinal order.</summary>
    public static IReadOnlyList<string> Unplaced(this Architecture architecture, ModelFolder model)
    {
        HashSet<string> placed = new(StringComparer.Ordinal);
        void Place(WeightDefinition weight)
        {
            placed.Add(weight.Name);
            placed.UnionWith(weight.Aliases);
        }

        foreach (ArchitectureModule module in architecture.Modules)
        {
            foreach (WeightDefinition weight in module.Pre.Concat(module.Post))
                Place(weight);
            int count = module.LayerCount(model);
            for (int layer = 0; layer < count; layer++)
            {
                foreach (WeightDefinition weight in module.Layer)
                    Place(weight.InLayer(layer));
            }
        }

        return [.. model.Weights.Tensors.Keys.Where(name => !placed.Contains(name)).Order(StringComparer.Ordinal)];
    }

    internal static int PresentLayers(ArchitectureModule module, ModelFolder model)
    {
        HashSet<string> prefixes = new(StringComparer.Ordinal);
        foreach (WeightDefinition weight in module.Layer)
        {
            foreach (string template in weight.Aliases.Insert(0, weight.Name))
                prefixes.Add(template[..(template.IndexOf(LayerName.Placeholder, StringComparison.Ordinal) - 1)]);
        }

        int count = 0;
        foreach (string name in model.Weights.Tensors.Keys)
        {
            if (LayerName.TryParse(name, out LayerName parsed) && prefixes.Contains(parsed.Prefix))
                count = Math.Max(count, parsed.Layer + 1);
        }

        return count;
    }
}
