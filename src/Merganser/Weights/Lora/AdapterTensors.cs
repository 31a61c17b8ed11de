using Merganser.Checkpoints;

namespace Merganser.Weights.Lora;

/// <summary>The tensors of an adapter that belong to one module of the model.</summary>
internal sealed class AdapterModule
{
    public TensorSource? A { get; set; }

    public TensorSource? B { get; set; }

    public bool IsEmbedding { get; set; }

    public TensorSource? Bias { get; set; }

    public TensorSource? Magnitude { get; set; }

    /// <summary>The adapter's tensors, for messages.</summary>
    public IEnumerable<string> Names => new[] { A, B, Bias, Magnitude }.OfType<TensorSource>().Select(tensor => tensor.Info.Name);
}

/// <summary>Sorts the tensors of an adapter: low-rank parts by module, and tensors that replace the model's.</summary>
internal sealed class AdapterTensors
{
    private const string Prefix = "base_model.model.";

    private enum Role
    {
        A,
        B,
        EmbeddingA,
        EmbeddingB,
        Bias,
        Magnitude,
    }

    // With and without the adapter's name, which older files keep.
    private static readonly (string Suffix, Role Role)[] Suffixes =
    [
        (".lora_A.weight", Role.A), (".lora_A.default.weight", Role.A),
        (".lora_B.weight", Role.B), (".lora_B.default.weight", Role.B),
        (".lora_B.bias", Role.Bias), (".lora_B.default.bias", Role.Bias),
        (".lora_embedding_A", Role.EmbeddingA), (".lora_embedding_A.default", Role.EmbeddingA),
        (".lora_embedding_B", Role.EmbeddingB), (".lora_embedding_B.default", Role.EmbeddingB),
        (".lora_magnitude_vector", Role.Magnitude), (".lora_magnitude_vector.weight", Role.Magnitude),
        (".lora_magnitude_vector.default", Role.Magnitude), (".lora_magnitude_vector.default.weight", Role.Magnitude),
    ];

    private static readonly string[] Wrappers = [".modules_to_save.default.", ".modules_to_save.", ".base_layer."];

    public AdapterTensors(Checkpoint adapter)
    {
        foreach (TensorSource tensor in adapter.Tensors.Values.OrderBy(tensor => tensor.Info.Name, StringComparer.Ordinal))
        {
            string name = tensor.Info.Name;
            string bare = name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
            if (!tensor.Info.DType.IsFloat())
                throw new MerganserException($"{tensor.Origin}: '{name}' is {tensor.Info.DType.SafetensorsName()}; an adapter's tensors must be floating-point");
            if (!AddPart(tensor, bare))
                AddReplacement(tensor, bare, adapter.Path);
        }
    }

    /// <summary>The low-rank parts by the name of the module.</summary>
    public SortedDictionary<string, AdapterModule> Modules { get; } = new(StringComparer.Ordinal);

    /// <summary>Whole tensors by the name that they replace.</summary>
    public SortedDictionary<string, TensorSource> Replacements { get; } = new(StringComparer.Ordinal);

    private bool AddPart(TensorSource tensor, string bare)
    {
        foreach ((string suffix, Role role) in Suffixes)
        {
            if (!bare.EndsWith(suffix, StringComparison.Ordinal))
                continue;
            string name = bare[..^suffix.Length];
            if (!Modules.TryGetValue(name, out AdapterModule? module))
                Modules.Add(name, module = new AdapterModule());
            if (Held(module, role) is { } first)
                throw new MerganserException($"{tensor.Origin}: '{first.Info.Name}' and '{tensor.Info.Name}' are two parts of the same kind for '{name}'");
            _ = role switch
            {
                Role.A or Role.EmbeddingA => module.A = tensor,
                Role.B or Role.EmbeddingB => module.B = tensor,
                Role.Bias => module.Bias = tensor,
                _ => module.Magnitude = tensor,
            };
            module.IsEmbedding |= role is Role.EmbeddingA or Role.EmbeddingB;
            return true;
        }

        return false;
    }

    private static TensorSource? Held(AdapterModule module, Role role) => role switch
    {
        Role.A or Role.EmbeddingA => module.A,
        Role.B or Role.EmbeddingB => module.B,
        Role.Bias => module.Bias,
        _ => module.Magnitude,
    };

    private void AddReplacement(TensorSource tensor, string bare, string path)
    {
        // The original of a saved module is the base's own tensor and changes nothing.
        if (bare.Contains(".original_module.", StringComparison.Ordinal))
            return;
        foreach (string wrapper in Wrappers)
            bare = bare.Replace(wrapper, ".", StringComparison.Ordinal);
        if (!Replacements.TryAdd(bare, tensor))
            throw new MerganserException($"{path}: two tensors replace '{bare}'");
    }
}
