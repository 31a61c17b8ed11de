using System.Collections.Immutable;

namespace Merganser.Checkpoints.Architectures;

/// <summary>
/// Finds the tensors of an architecture in the names of its models' tensors: the first number between dots is the layer, the rest
/// is outside the layers. A table entry, when there is one, gives other spellings, tied names, flags and order.
/// </summary>
internal sealed class ArchitectureInference
{
    private readonly IReadOnlyList<ModelFolder> _models;
    private readonly ArchitectureEntry? _entry;
    private readonly string _name;
    private readonly int? _vocabularySize;
    private readonly string _vocabularySizeKey;
    private readonly Dictionary<string, LayerStack> _stacks = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LooseTensor> _loose = new(StringComparer.Ordinal);

    private ArchitectureInference(IReadOnlyList<ModelFolder> models, ArchitectureEntry? entry, string name)
    {
        _models = models;
        _entry = entry;
        _name = name;
        _vocabularySizeKey = FirstPresent(entry?.VocabularySizeKeys ?? ["vocab_size", "text_config.vocab_size", "llm_config.vocab_size"]);
        _vocabularySize = models[0].GetConfigInt(_vocabularySizeKey);
    }

    public static Architecture Infer(IReadOnlyList<ModelFolder> models, ArchitectureEntry? entry, string name)
    {
        var inference = new ArchitectureInference(models, entry, name);
        inference.Collect();

        // The configuration names a family whose layers are nowhere: the names tell more than the tables.
        if (entry is not null && inference._stacks.Count == 0)
            return Infer(models, null, name);
        return inference.Build();
    }

    private void Collect()
    {
        for (int model = 0; model < _models.Count; model++)
        {
            foreach (TensorSource tensor in _models[model].Weights.Tensors.Values)
            {
                string bare = _entry?.Bare(tensor.Info.Name) ?? tensor.Info.Name;
                if (LayerName.TryParse(bare, out LayerName parsed) && (_entry is null || _entry.Modules.Any(module => module.Layers == parsed.Prefix)))
                {
                    if (!_stacks.TryGetValue(parsed.Prefix, out LayerStack? stack))
                        _stacks[parsed.Prefix] = stack = new LayerStack(parsed.Prefix, _models.Count);
                    stack.Add(model, parsed.Layer, parsed.Rest);
                    continue;
                }

                if (!_loose.TryGetValue(bare, out LooseTensor? loose))
                    _loose[bare] = loose = new LooseTensor(bare, _models.Count) { Shape = tensor.Info.Shape };
                loose.Models[model] = true;
            }
        }
    }

    private Architecture Build()
    {
        List<ModulePlan> plans = _entry is null ? InferredModules() : [.. _entry.Modules.Select(module => new ModulePlan(module.Name, module.Layers, module.Root, module))];
        ILookup<ModulePlan, LooseTensor> owners = AssignLoose(plans);
        return new Architecture(_name)
        {
            Modules = [.. plans.Where(plan => owners[plan].Any() || _stacks.ContainsKey(plan.Layers)).Select(plan => BuildModule(plan, owners[plan]))],
            VocabularySizeKey = _vocabularySizeKey,
            ExtraFiles = _entry?.ExtraFiles ?? [],
        };
    }

    private ArchitectureModule BuildModule(ModulePlan plan, IEnumerable<LooseTensor> loose)
    {
        ImmutableArray<string> preOrder = plan.Entry?.Pre ?? [];
        ImmutableArray<string> postOrder = plan.Entry?.Post ?? [];
        ImmutableArray<string> layerOrder = plan.Entry?.Layer ?? [];
        List<LooseTensor> pre = [];
        List<LooseTensor> post = [];
        foreach (LooseTensor tensor in loose)
        {
            bool after = Position(postOrder, tensor.Name) >= 0 || (Position(preOrder, tensor.Name) < 0 && WeightRoles.ComesAfterLayers(tensor.Name));
            (after ? post : pre).Add(tensor);
        }

        IEnumerable<WeightDefinition> layers = [];
        if (_stacks.TryGetValue(plan.Layers, out LayerStack? stack))
            layers = InOrder(stack.Rests, layerOrder, rest => rest).Select(rest => DefineLayer(stack, rest, layerOrder));
        return new ArchitectureModule(plan.Name)
        {
            Pre = [.. InOrder(pre, preOrder, tensor => tensor.Name).Select(tensor => Define(tensor, preOrder))],
            Layer = [.. layers],
            Post = [.. InOrder(post, postOrder, tensor => tensor.Name).Select(tensor => Define(tensor, postOrder))],
            LayerCountKey = LayerCountKey(plan, stack),
        };
    }

    private WeightDefinition Define(LooseTensor tensor, ImmutableArray<string> order)
    {
        ImmutableArray<string> tied = _entry?.TiedNames(tensor.Name, _name) ?? GuessTied(tensor);
        return new WeightDefinition(_entry?.Canonical(tensor.Name, _name) ?? tensor.Name)
        {
            IsEmbedding = (_entry is not null && _entry.Embeddings.Contains(tensor.Name)) || WeightRoles.IsEmbedding(tensor.Name, tensor.Shape, _vocabularySize),
            Optional = !order.Contains(tensor.Name) && (tensor.IsMissingSomewhere || !tied.IsEmpty || order.Contains(tensor.Name + "?")),
            Aliases = _entry?.Aliases(tensor.Name, _name) ?? [],
            TiedNames = tied,
        };
    }

    private WeightDefinition DefineLayer(LayerStack stack, string rest, ImmutableArray<string> order)
    {
        string template = LayerName.Template(stack.Prefix, rest);
        bool required = order.Contains(rest) && !stack.IsPartOfSomeLayersOnly(rest);
        return new WeightDefinition(_entry?.Canonical(template, _name) ?? template)
        {
            Optional = !required && (stack.IsMissingSomewhere(rest) || order.Contains(rest + "?")),
            Aliases = _entry?.Aliases(template, _name) ?? [],
        };
    }

    /// <summary>Without a table entry a head is tied when a configuration says so or a model has no head of its own.</summary>
    private ImmutableArray<string> GuessTied(LooseTensor tensor)
    {
        if (!WeightRoles.IsOutputHead(tensor.Name) || !(tensor.IsMissingSomewhere || _models.Any(model => model.GetConfigBool("tie_word_embeddings") == true)))
            return [];
        return [.. _loose.Values.Where(other => WeightRoles.IsInputEmbedding(other.Name) && other.Shape.AsSpan().SequenceEqual(tensor.Shape.AsSpan()))
            .Select(other => other.Name).Order(StringComparer.Ordinal)];
    }

    private List<ModulePlan> InferredModules()
    {
        if (_stacks.Count <= 1)
            return [new ModulePlan("default", _stacks.Keys.FirstOrDefault() ?? "", null, null)];
        List<ModulePlan> plans = [];
        foreach (string prefix in _stacks.Keys.Order(StringComparer.Ordinal))
        {
            string root = Root(prefix);
            plans.Add(new ModulePlan(root, prefix, root, null));
        }

        plans.Add(new ModulePlan("rest", "", null, null));
        return plans;
    }

    /// <summary>The shortest leading part of a prefix that no other prefix begins with: <c>text_model</c> of <c>text_model.encoder.layers</c>.</summary>
    private string Root(string prefix)
    {
        for (int dot = prefix.IndexOf('.'); dot >= 0; dot = prefix.IndexOf('.', dot + 1))
        {
            string candidate = prefix[..dot];
            if (!_stacks.Keys.Any(other => other != prefix && IsUnder(other, candidate)))
                return candidate;
        }

        return prefix;
    }

    private ILookup<ModulePlan, LooseTensor> AssignLoose(List<ModulePlan> plans)
    {
        ModulePlan Owner(LooseTensor tensor) =>
            plans.Find(plan => plan.Entry is not null && (Position(plan.Entry.Pre, tensor.Name) >= 0 || Position(plan.Entry.Post, tensor.Name) >= 0))
            ?? plans.Where(plan => plan.Root is not null && IsUnder(tensor.Name, plan.Root)).MaxBy(plan => plan.Root!.Length)
            ?? (_entry is null ? plans[^1] : plans[0]);
        return _loose.Values.ToLookup(Owner);
    }

    private string LayerCountKey(ModulePlan plan, LayerStack? stack)
    {
        if (plan.Entry is not null)
            return FirstPresent(plan.Entry.CountKeys);
        bool decoder = plan.Layers.Contains("decoder", StringComparison.Ordinal);
        bool vision = plan.Layers.Contains("vis", StringComparison.Ordinal);
        string[] plain = ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "depth"];
        string[] own = decoder ? ["num_decoder_layers", "decoder_layers"] : ["encoder_layers", "num_encoder_layers"];
        string[] nested = vision ? ["vision_config"] : ["text_config", "llm_config"];

        // One of several stacks takes only a number that fits it: another stack's number would make its layers look incomplete.
        string[] keys = [.. nested.SelectMany(outer => plain.Select(key => $"{outer}.{key}")), .. own, .. plain];
        int count = stack?.CountIn(0) ?? 0;
        return Array.Find(keys, key => _models[0].GetConfig(key)?.ToJsonString() == count.ToString(System.Globalization.CultureInfo.InvariantCulture))
            ?? (_stacks.Count <= 1 ? FirstPresent([.. plain]) : "");
    }

    private string FirstPresent(ImmutableArray<string> keys) => keys.FirstOrDefault(key => _models[0].GetConfig(key) is not null) ?? keys[0];

    private static bool IsUnder(string name, string root) =>
        name.StartsWith(root, StringComparison.Ordinal) && (name.Length == root.Length || name[root.Length] == '.');

    /// <summary>The place of a name in an order of the tables, optional marks ignored; −1 when it is not there.</summary>
    private static int Position(ImmutableArray<string> order, string name)
    {
        for (int i = 0; i < order.Length; i++)
        {
            if (order[i].AsSpan().TrimEnd('?').SequenceEqual(name))
                return i;
        }

        return -1;
    }

    private static IOrderedEnumerable<T> InOrder<T>(IEnumerable<T> items, ImmutableArray<string> order, Func<T, string> name) =>
        items.OrderBy(item => Position(order, name(item)) is var place && place < 0 ? int.MaxValue : place).ThenBy(name, StringComparer.Ordinal);

    private sealed record ModulePlan(string Name, string Layers, string? Root, EntryModule? Entry);
}
