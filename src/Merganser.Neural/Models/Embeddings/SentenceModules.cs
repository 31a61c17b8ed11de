using System.Text.Json;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Hub;

namespace Merganser.Neural.Models.Embeddings;

/// <summary>
/// What a sentence-transformers folder says besides its model: <c>modules.json</c> (a transformer, a pooling, dense layers, a normalisation), the
/// length of texts in <c>sentence_bert_config.json</c>, prompts in <c>config_sentence_transformers.json</c>. A plain model folder says nothing of it.
/// </summary>
internal sealed record SentenceModules
{
    private const string File = "modules.json";

    /// <summary>The folder of the transformer; often the same.</summary>
    public required string Model { get; init; }

    /// <summary>Their results are put one behind the other; empty: the folder does not say.</summary>
    public IReadOnlyList<Pooling> Poolings { get; init; } = [];

    /// <summary>The tokens of a prompt count in the pooling.</summary>
    public bool PoolsPrompt { get; init; } = true;

    /// <summary>The folders of dense layers, in order.</summary>
    public IReadOnlyList<string> Dense { get; init; } = [];

    public bool Normalizes { get; init; }

    public int? MaxTokens { get; init; }

    public bool LowerCases { get; init; }

    public IReadOnlyDictionary<string, string> Prompts { get; init; } = new Dictionary<string, string>();

    public string? DefaultPrompt { get; init; }

    /// <summary>Reads a folder, or a repository in the local cache.</summary>
    public static SentenceModules Read(string folder)
    {
        folder = HubCache.Resolve(folder);
        var result = new SentenceModules { Model = folder };
        if (!System.IO.File.Exists(Path.Join(folder, File)))
            return WithLength(result, folder);
        bool hasModel = false;
        foreach ((string type, string path) in List(folder))
        {
            switch (type)
            {
                case "Transformer" or "CLIPModel" when !hasModel:
                    (hasModel, result) = (true, WithLength(result with { Model = path }, path));
                    break;
                case "Pooling" when hasModel && result.Poolings.Count == 0:
                    ModelConfig config = ModelConfig.ReadFile(Path.Join(path, "config.json"));
                    result = result with { Poolings = Modes(config), PoolsPrompt = config.Flag("include_prompt", true) };
                    break;
                case "Dense" when hasModel:
                    result = result with { Dense = [.. result.Dense, path] };
                    break;
                case "Normalize" when hasModel:
                    result = result with { Normalizes = true };
                    break;
                default:
                    throw new MerganserException($"{Path.Join(folder, File)}: a module '{type}' in this place is not known; there are Transformer, then Pooling, Dense, Normalize");
            }

            if (result.Normalizes && type != "Normalize")
                throw new MerganserException($"{Path.Join(folder, File)}: Normalize must be the last module");
        }

        return WithPrompts(result, folder);
    }

    /// <summary>The prompt that counts: of the options, else the default.</summary>
    public string Prompt(EmbeddingOptions options)
    {
        if (options.Prompt is { } given)
            return options.PromptName is null ? given : throw new MerganserException("give either a prompt or the name of one, not both");
        string? name = options.PromptName ?? DefaultPrompt;
        if (name is null)
            return "";
        return Prompts.TryGetValue(name, out string? prompt) ? prompt
            : throw new MerganserException($"{Model}: has no prompt '{name}'; {(Prompts.Count > 0 ? $"there are {string.Join(", ", Prompts.Keys.Order(StringComparer.Ordinal))}" : "it names no prompts at all")}");
    }

    private static IEnumerable<(string Type, string Path)> List(string folder)
    {
        string file = Path.Join(folder, File);
        JsonArray modules;
        try
        {
            modules = JsonNode.Parse(BoundedJson.ReadBytes(file, BoundedJson.MaxConfigBytes), documentOptions: new JsonDocumentOptions { MaxDepth = BoundedJson.MaxDepth }) as JsonArray
                ?? throw new MerganserException($"{file}: must hold a list of modules");
        }
        catch (JsonException e)
        {
            throw new MerganserException($"{file}: is not valid JSON: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        foreach (JsonNode? module in modules)
        {
            var config = new ModelConfig(module as JsonObject ?? throw new MerganserException($"{file}: a module must be an object with type and path"), file);
            string path = config.Text("path", "");
            if (Path.IsPathRooted(path) || path.Split('/', '\\').Contains(".."))
                throw config.Wrong("path", "a folder inside the model's");
            yield return (config.Text("type", "").Split('.')[^1], path.Length == 0 ? folder : Path.Join(folder, path));
        }
    }

    private static Pooling[] Modes(ModelConfig config)
    {
        // The order in which their results are joined.
        ReadOnlySpan<(string Key, string Name, Pooling Mode)> all =
        [
            ("pooling_mode_cls_token", "cls", Pooling.Cls), ("pooling_mode_max_tokens", "max", Pooling.Max), ("pooling_mode_mean_tokens", "mean", Pooling.Mean),
            ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", Pooling.MeanSqrt), ("pooling_mode_weightedmean_tokens", "weightedmean", Pooling.WeightedMean), ("pooling_mode_lasttoken", "lasttoken", Pooling.Last),
        ];
        var modes = new List<Pooling>();
        IReadOnlyList<string> names = !config.Has("pooling_mode") ? [] : config.Document["pooling_mode"] is JsonArray ? config.Texts("pooling_mode") : [config.Text("pooling_mode", "")];
        foreach ((string key, string name, Pooling mode) in all)
        {
            if (names.Count > 0 ? names.Contains(name) : config.Flag(key, false))
                modes.Add(mode);
        }

        return modes.Count > 0 && modes.Count >= names.Count ? [.. modes] : throw config.Wrong("pooling_mode", "at least one of the poolings cls, max, mean, mean_sqrt_len_tokens, weightedmean, lasttoken");
    }

    private static SentenceModules WithLength(SentenceModules modules, string folder)
    {
        string path = Path.Join(folder, "sentence_bert_config.json");
        if (!System.IO.File.Exists(path))
            return modules;
        ModelConfig config = ModelConfig.ReadFile(path);
        return modules with { MaxTokens = config.Has("max_seq_length") ? config.Size("max_seq_length", 1) : null, LowerCases = config.Flag("do_lower_case", false) };
    }

    private static SentenceModules WithPrompts(SentenceModules modules, string folder)
    {
        string path = Path.Join(folder, "config_sentence_transformers.json");
        if (!System.IO.File.Exists(path))
            return modules;
        ModelConfig config = ModelConfig.ReadFile(path), prompts = config.Block("prompts");
        string name = config.Text("default_prompt_name", "");
        return modules with { Prompts = prompts.Document.ToDictionary(prompt => prompt.Key, prompt => prompts.Text(prompt.Key, "")), DefaultPrompt = name.Length > 0 ? name : null };
    }
}
