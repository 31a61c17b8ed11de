using System.Collections.Immutable;

namespace Merganser.Checkpoints.Architectures;

/// <summary>Which models have a tensor that lies outside the layers.</summary>
internal sealed class LooseTensor(string name, int models)
{
    public string Name { get; } = name;

    public bool[] Models { get; } = new bool[models];

    /// <summary>The shape in the first model that has it.</summary>
    public ImmutableArray<long> Shape { get; set; } = [];

    public bool IsMissingSomewhere => Array.IndexOf(Models, false) >= 0;
}

/// <summary>Which layers of which models have which tensors, for one numbered prefix.</summary>
internal sealed class LayerStack(string prefix, int models)
{
    private readonly Dictionary<string, HashSet<int>[]> _layers = new(StringComparer.Ordinal);
    private readonly int[] _counts = new int[models];

    public string Prefix { get; } = prefix;

    public IEnumerable<string> Rests => _layers.Keys;

    public int CountIn(int model) => _counts[model];

    public void Add(int model, int layer, string rest)
    {
        if (!_layers.TryGetValue(rest, out HashSet<int>[]? layers))
            _layers[rest] = layers = [.. Enumerable.Range(0, _counts.Length).Select(_ => new HashSet<int>())];
        layers[model].Add(layer);
        _counts[model] = Math.Max(_counts[model], layer + 1);
    }

    /// <summary>True when some layer of some model lacks it.</summary>
    public bool IsMissingSomewhere(string rest)
    {
        HashSet<int>[] layers = _layers[rest];
        for (int model = 0; model < _counts.Length; model++)
        {
            if (layers[model].Count < _counts[model])
                return true;
        }

        return false;
    }

    /// <summary>True when there is a layer in which no model has it: such tensors belong to some layers only.</summary>
    public bool IsPartOfSomeLayersOnly(string rest)
    {
        HashSet<int> union = [.. _layers[rest].SelectMany(layers => layers)];
        return union.Count < _counts.Max();
    }
}
