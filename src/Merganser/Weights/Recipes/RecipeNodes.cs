using System.Collections.Immutable;
using System.Globalization;

namespace Merganser.Weights.Recipes;

/// <summary>Reads the parts of a recipe: models, slices, modules and options.</summary>
internal sealed class RecipeNodes(RecipeOptions options, MergeMethod method, Action<RecipePosition, string> unknown, List<string> warnings)
{
    /// <summary>Options that mergekit knows and that change nothing but its memory.</summary>
    private static readonly string[] Harmless = ["int8_mask"];

    public MergeMethod Method { get; } = method;

    /// <summary>Complains of every key that is not among the known ones.</summary>
    public void CheckKeys(YamlMapping mapping, string what, ReadOnlySpan<string> known)
    {
        foreach ((YamlScalar key, YamlNode _) in mapping.Entries)
        {
            if (!known.Contains(key.Value))
                unknown(key.Position, $"unknown key {NearestName.Quote(key.Value)} in a {what}{NearestName.Hint(key.Value, known.ToArray())}");
        }
    }

    public ModelReference Model(YamlNode node)
    {
        if (node is YamlScalar)
            return Parse(node, RecipeReader.Word(node, "a model"), ModelReference.Parse);
        YamlMapping mapping = RecipeReader.Mapping(node, "a model");
        if (mapping.Find("path") is not null)
        {
            (string plain, string? revision) = Path(mapping, "model");
            return new ModelReference(plain, revision);
        }

        CheckKeys(mapping, "model", ["model", "lora", "override_architecture"]);
        (string path, string? rev) = Path(mapping.Find("model") ?? throw mapping.Position.Error("'model' is missing in the mapping of a model"), "model");
        ModelReference reference = new(path, rev);
        if (mapping.Find("lora") is { } lora)
        {
            (string adapter, string? adapterRevision) = Path(lora, "lora");
            reference = reference with { AdapterPath = adapter, AdapterRevision = adapterRevision };
        }

        return mapping.Find("override_architecture") is { } architecture
            ? reference with { OverrideArchitecture = RecipeReader.Word(architecture, "'override_architecture'") }
            : reference;
    }

    public ImmutableArray<RecipeSource> Sources(YamlNode node, string key, bool withLayers)
    {
        YamlSequence list = RecipeReader.Sequence(node, $"'{key}'");
        if (list.Items.Count == 0)
            throw list.Position.Error($"'{key}' is empty; it needs at least one model");
        return [.. list.Items.Select(item => Source(item, withLayers))];
    }

    public ImmutableArray<RecipeSlice> Slices(YamlNode node)
    {
        YamlSequence list = RecipeReader.Sequence(node, "'slices'");
        if (list.Items.Count == 0)
            throw list.Position.Error("'slices' is empty");
        return [.. list.Items.Select(Slice)];
    }

    public ImmutableArray<RecipeModule> Modules(YamlNode node)
    {
        YamlMapping map = RecipeReader.Mapping(node, "'modules'");
        if (map.Entries.Count == 0)
            throw map.Position.Error("'modules' is empty");
        return [.. map.Entries.Select(entry => Module(entry.Key, entry.Value))];
    }

    public ImmutableArray<RecipeParameter> Parameters(YamlNode? node)
    {
        if (node is null)
            return [];
        YamlMapping map = RecipeReader.Mapping(node, "'parameters'");
        ImmutableArray<RecipeParameter>.Builder parameters = ImmutableArray.CreateBuilder<RecipeParameter>();
        foreach ((YamlScalar key, YamlNode value) in map.Entries)
        {
            MethodParameter? known = Method.Parameters.FirstOrDefault(parameter => parameter.Name == key.Value);
            if (known is null && !Harmless.Contains(key.Value))
                Unused(key);
            if (value.IsNull)
                throw value.Position.Error($"parameter {NearestName.Quote(key.Value)} has no value");
            parameters.Add(new RecipeParameter(key.Value, Entries(key.Value, value, known), key.Position));
        }

        return parameters.ToImmutable();
    }

    private void Unused(YamlScalar key)
    {
        IEnumerable<string> all = options.Methods.SelectMany(other => other.Parameters).Select(parameter => parameter.Name);
        if (all.Contains(key.Value))
            warnings.Add($"{key.Position}: {Method.Name} does not use the parameter {NearestName.Quote(key.Value)}");
        else
            unknown(key.Position, $"{Method.Name} has no parameter {NearestName.Quote(key.Value)}{NearestName.Hint(key.Value, Method.Parameters.Select(parameter => parameter.Name))}");
    }

    private RecipeSource Source(YamlNode node, bool withLayers)
    {
        YamlMapping map = RecipeReader.Mapping(node, "an entry of the list of models");
        CheckKeys(map, withLayers ? "source" : "model", withLayers ? ["model", "layer_range", "parameters", "residual_weight"] : ["model", "parameters"]);
        YamlNode model = map.Find("model") ?? throw map.Position.Error("'model' is missing");
        (int, int)? layers = null;
        if (withLayers)
            layers = Layers(map.Find("layer_range") ?? throw map.Position.Error("'layer_range' is missing; write for example layer_range: [0, 16]"));
        return new RecipeSource(Model(model), model.Position) { Layers = layers, Parameters = Parameters(map.Find("parameters")) };
    }

    private RecipeSlice Slice(YamlNode node)
    {
        YamlMapping map = RecipeReader.Mapping(node, "a slice");
        CheckKeys(map, "slice", ["sources", "base_model", "residual_weight", "parameters"]);
        YamlNode sources = map.Find("sources") ?? throw map.Position.Error("'sources' is missing in the slice");
        ImmutableArray<RecipeSource> read = Sources(sources, "sources", withLayers: true);
        (int first, int end) = read[0].Layers!.Value;
        foreach (RecipeSource source in read)
        {
            (int from, int to) = source.Layers!.Value;
            if (to - from != end - first)
                throw source.Position.Error($"this source has {to - from} layers, the first one of the slice has {end - first}; they must be equal");
        }

        return new RecipeSlice(read, map.Position)
        {
            BaseModel = map.Find("base_model") is { } baseModel ? Model(baseModel) : null,
            Parameters = Parameters(map.Find("parameters")),
        };
    }

    private RecipeModule Module(YamlScalar name, YamlNode node)
    {
        YamlMapping map = RecipeReader.Mapping(node, $"the module {NearestName.Quote(name.Value)}");
        CheckKeys(map, "module", ["models", "slices", "parameters"]);
        YamlNode? models = map.Find("models"), slices = map.Find("slices");
        if ((models is null) == (slices is null))
            throw name.Position.Error($"the module {NearestName.Quote(name.Value)} needs either 'models' or 'slices'");
        return new RecipeModule(name.Value, name.Position)
        {
            Models = models is null ? [] : Sources(models, "models", withLayers: false),
            Slices = slices is null ? [] : Slices(slices),
            Parameters = Parameters(map.Find("parameters")),
        };
    }

    private static (int First, int End) Layers(YamlNode node)
    {
        YamlSequence list = RecipeReader.Sequence(node, "'layer_range'");
        if (list.Items.Count != 2)
            throw list.Position.Error($"'layer_range' needs two numbers, the first layer and the one after the last, not {list.Items.Count}");
        int first = Layer(list.Items[0]), end = Layer(list.Items[1]);
        // An empty range is legal: such a slice at either end chooses whose embeddings or head are taken.
        return first <= end ? (first, end) : throw list.Position.Error($"'layer_range' [{first}, {end}] ends before it begins; the second number is the layer after the last");
    }

    private static int Layer(YamlNode node) =>
        node is YamlScalar scalar && int.TryParse(scalar.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) && layer <= 1_000_000
            ? layer
            : throw node.Position.Error($"a layer must be a whole number from 0, not {node.Kind}");

    private ImmutableArray<RecipeParameterEntry> Entries(string name, YamlNode node, MethodParameter? known)
    {
        if (node is YamlMapping single)
            return [Entry(name, single, known)];
        if (node is YamlSequence { Items: [YamlMapping, ..] } list)
            return [.. list.Items.Select(item => Entry(name, RecipeReader.Mapping(item, $"an entry of the parameter {NearestName.Quote(name)}"), known))];
        return [new RecipeParameterEntry(null, Values(name, node, known), node.Position)];
    }

    private RecipeParameterEntry Entry(string name, YamlMapping map, MethodParameter? known)
    {
        CheckKeys(map, "parameter", ["filter", "value"]);
        YamlNode value = map.Find("value") ?? throw map.Position.Error($"'value' is missing in the parameter {NearestName.Quote(name)}");
        string? filter = map.Find("filter") is { } node ? RecipeReader.Word(node, "'filter'") : null;
        return new RecipeParameterEntry(filter, Values(name, value, known), map.Position);
    }

    private static ImmutableArray<RecipeValue> Values(string name, YamlNode node, MethodParameter? known)
    {
        if (node is not YamlSequence list)
            return [Value(name, node, known)];
        if (list.Items.Count == 0)
            throw list.Position.Error($"parameter {NearestName.Quote(name)} is an empty list; a gradient needs at least one number");
        if (list.Items.Count > 1 && known?.Words is not null)
            throw list.Position.Error($"parameter {NearestName.Quote(name)} is a word; words have no gradient");
        return [.. list.Items.Select(item => Value(name, item, known))];
    }

    private static RecipeValue Value(string name, YamlNode node, MethodParameter? known)
    {
        if (node is not YamlScalar { IsNull: false } scalar)
            throw node.Position.Error($"parameter {NearestName.Quote(name)} must be a number, not {node.Kind}");
        if (TryNumber(scalar, out double number))
        {
            if (!double.IsFinite(number))
                throw node.Position.Error($"parameter {NearestName.Quote(name)} must be a finite number, not {node.Kind}");
            if (known is not null && (number < known.Minimum || number > known.Maximum))
                throw node.Position.Error(string.Create(CultureInfo.InvariantCulture, $"parameter '{name}' is {number:R}; allowed is {known.Minimum:R} to {known.Maximum:R}"));
            return new RecipeValue(number, null, node.Position);
        }

        if (known is null)
            return new RecipeValue(double.NaN, scalar.Value, node.Position);
        if (known.Words is null)
            throw node.Position.Error($"parameter {NearestName.Quote(name)} must be a number, not {node.Kind}");
        int word = known.Words.ToList().IndexOf(scalar.Value);
        return word >= 0
            ? new RecipeValue(word, scalar.Value, node.Position)
            : throw node.Position.Error($"parameter {NearestName.Quote(name)} cannot be {node.Kind}{NearestName.Hint(scalar.Value, known.Words)}");
    }

    private static bool TryNumber(YamlScalar scalar, out double number)
    {
        if (scalar.Plain)
        {
            switch (scalar.Value)
            {
                case "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON":
                    number = 1;
                    return true;
                case "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF":
                    number = 0;
                    return true;
                case ".inf" or "+.inf" or "-.inf" or ".nan":
                    number = double.NaN;
                    return true;
            }
        }

        return double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out number);
    }

    private (string Path, string? Revision) Path(YamlNode node, string key)
    {
        if (node is YamlScalar)
            return Parse(node, RecipeReader.Word(node, $"'{key}'"), ModelReference.ParsePath);
        YamlMapping map = RecipeReader.Mapping(node, $"'{key}'");
        CheckKeys(map, key, ["path", "revision"]);
        string path = RecipeReader.Word(map.Find("path") ?? throw map.Position.Error($"'path' is missing in '{key}'"), "'path'");
        return (path, map.Find("revision") is { } revision ? RecipeReader.Word(revision, "'revision'") : null);
    }

    private static T Parse<T>(YamlNode node, string text, Func<string, T> parse)
    {
        try
        {
            return parse(text);
        }
        catch (FormatException e)
        {
            throw node.Position.Error(e.Message, e);
        }
    }
}
