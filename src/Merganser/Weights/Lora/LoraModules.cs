using System.Text.RegularExpressions;
using Merganser.Checkpoints;

namespace Merganser.Weights.Lora;

/// <summary>What becomes of a module when an adapter is extracted.</summary>
internal enum ExtractKind
{
    /// <summary>Factors of ΔW [out, in, …].</summary>
    Matrix,

    /// <summary>Factors of ΔWᵀ, W stored (in, out) as GPT-2 does.</summary>
    Transposed,

    /// <summary>Factors of an embedding's ΔWᵀ.</summary>
    Embedding,

    /// <summary>The tensors themselves.</summary>
    Whole,
}

/// <summary>A module of the fine-tuned model: its weight and bias.</summary>
internal sealed record ExtractModule(string Name, ExtractKind Kind, TensorSource? Weight, TensorSource? Bias)
{
    public string LastPart => Name[(Name.LastIndexOf('.') + 1)..];
}

/// <summary>Finds the modules in the names of the tensors and decides what becomes of each.</summary>
internal sealed class LoraModules
{
    private static readonly string[] EmbeddingNames = ["wte", "wpe", "shared", "relative_attention_bias"];
    private static readonly string[] HeadNames = ["lm_head", "embed_out"];
    private static readonly string[] TransposedNames = ["c_attn", "q_attn", "c_proj", "c_fc"];

    private readonly LoraExtractOptions _options;
    private readonly Regex[] _include;
    private readonly Regex[] _exclude;
    private readonly ModelFolder _base;
    private readonly bool _hasTransposed;

    public LoraModules(ModelFolder baseModel, ModelFolder model, LoraExtractOptions options)
    {
        _options = options;
        _base = baseModel;
        _include = [.. options.IncludeRegexes.Select(pattern => ToRegex("--include-regex", pattern))];
        _exclude = [.. options.ExcludeRegexes.Select(pattern => ToRegex("--exclude-regex", pattern))];
        _hasTransposed = model.ModelType is "gpt2" or "openai-gpt";

        var byModule = new SortedDictionary<string, (TensorSource? Weight, TensorSource? Bias)>(StringComparer.Ordinal);
        foreach (TensorSource tensor in model.Weights.Tensors.Values)
            Sort(tensor, byModule);
        All = [.. byModule.Where(entry => IsSelected(entry.Key)).Select(entry => Decide(entry.Key, entry.Value.Weight, entry.Value.Bias)).OfType<ExtractModule>()];
        HasTransposed = All.Any(module => module.Kind == ExtractKind.Transposed);
        foreach (string name in options.SaveModules.Where(name => !byModule.Keys.Any(module => IsNamed(module, name))))
            throw new MerganserException($"--save-module: {model.Path} has no module '{name}'");
    }

    /// <summary>The modules to extract, in ordinal order of their names.</summary>
    public IReadOnlyList<ExtractModule> All { get; }

    /// <summary>True when some matrices are stored (in, out).</summary>
    public bool HasTransposed { get; }

    private static void Sort(TensorSource tensor, SortedDictionary<string, (TensorSource? Weight, TensorSource? Bias)> byModule)
    {
        string name = tensor.Info.Name;
        int dot = name.LastIndexOf('.');
        string kind = dot < 0 ? "" : name[(dot + 1)..];
        string module = kind is "weight" or "bias" ? name[..dot] : name;
        (TensorSource? weight, TensorSource? bias) = byModule.GetValueOrDefault(module);
        byModule[module] = kind == "bias" ? (weight, tensor) : (tensor, bias);
    }

    private ExtractModule? Decide(string name, TensorSource? weight, TensorSource? bias)
    {
        if (weight is not null && weight.Info.Name == name)
        {
            // A bare parameter, no module: adapters have no place for it.
            WarnIfChanged(weight);
            return null;
        }

        ExtractKind kind = KindOf(name, weight?.Info);
        TensorInfo? old = weight is null ? null : _base.Weights.Tensors.GetValueOrDefault(weight.Info.Name)?.Info;
        bool isVocabulary = IsEmbedding(name) || IsHead(name);
        if (weight is not null && (old is null || !old.SameShape(weight.Info)))
        {
            string problem = old is null
                ? $"'{weight.Info.Name}' is in the fine-tuned model only"
                : $"'{weight.Info.Name}' is {weight.Info.ShapeText}, in the base it is {old.ShapeText}";
            if (isVocabulary && _options.EmbedLora)
                throw new MerganserException($"{weight.Origin}: {problem}; --embed-lora needs equal vocabularies: leave it out to save the matrix whole");
            if (old is not null && !isVocabulary)
                throw new MerganserException($"{weight.Origin}: {problem}; is it the base of this model?");
            _options.Warn?.Invoke($"{problem}; saved whole");
            kind = ExtractKind.Whole;
        }

        bool isUndecomposable = weight is null || weight.Info.Shape.Length < 2 || !weight.Info.DType.IsFloat();
        bool isAsked = _options.SaveModules.Any(asked => IsNamed(name, asked));
        if (isUndecomposable && _options.SkipUndecomposable && !isAsked)
            return null;
        return new ExtractModule(name, isAsked ? ExtractKind.Whole : kind, weight, bias);
    }

    private ExtractKind KindOf(string name, TensorInfo? weight)
    {
        if (weight is null || weight.Shape.Length < 2 || !weight.DType.IsFloat() || weight.ElementCount == 0)
            return ExtractKind.Whole;
        if (IsEmbedding(name))
            return _options.EmbedLora && weight.Shape.Length == 2 ? ExtractKind.Embedding : ExtractKind.Whole;
        if (IsHead(name))
            return _options.EmbedLora ? ExtractKind.Matrix : ExtractKind.Whole;
        return _hasTransposed && weight.Shape.Length == 2 && TransposedNames.Contains(LastPart(name)) ? ExtractKind.Transposed : ExtractKind.Matrix;
    }

    private void WarnIfChanged(TensorSource tensor)
    {
        if (_base.Weights.Tensors.TryGetValue(tensor.Info.Name, out TensorSource? old) && old.Info.SameShape(tensor.Info) && old.Info.DType == tensor.Info.DType
            && old.ReadBytes().AsSpan().SequenceEqual(tensor.ReadBytes()))
        {
            return;
        }

        _options.Warn?.Invoke($"'{tensor.Info.Name}' differs from the base but is not the weight or bias of a module; adapters cannot hold it: left out");
    }

    private bool IsSelected(string name) =>
        (_include.Length == 0 || Array.Exists(_include, regex => regex.IsMatch(name))) && !Array.Exists(_exclude, regex => regex.IsMatch(name));

    private static string LastPart(string name) => name[(name.LastIndexOf('.') + 1)..];

    private static bool IsNamed(string module, string asked) => module == asked || LastPart(module) == asked;

    private static bool IsHead(string name) => HeadNames.Contains(LastPart(name));

    private static bool IsEmbedding(string name)
    {
        string last = LastPart(name);
        return !IsHead(name) && (EmbeddingNames.Contains(last) || last.StartsWith("embed_", StringComparison.Ordinal)
            || last.EndsWith("embedding", StringComparison.Ordinal) || last.EndsWith("embeddings", StringComparison.Ordinal));
    }

    private static Regex ToRegex(string option, string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new MerganserException($"{option}: '{pattern}' cannot be used: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
