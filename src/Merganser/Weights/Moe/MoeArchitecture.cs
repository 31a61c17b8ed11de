using System.Text.Json.Nodes;

namespace Merganser.Weights.Moe;

/// <summary>The parts of a model's feed-forward layer.</summary>
internal enum MlpPart
{
    Gate,
    Up,
    Down,
}

/// <summary>A family of mixture models that can be made of dense ones: names of tensors and keys of the configuration.</summary>
internal abstract class MoeArchitecture
{
    private static readonly MoeArchitecture[] All = [new MixtralMoe(), new QwenMoe(), new Qwen3Moe(), new DeepSeekMoe()];

    /// <summary>The name in recipes.</summary>
    public abstract string Name { get; }

    /// <summary>The <c>model_type</c>s of the models that it can be made of.</summary>
    protected abstract string[] ModelTypes { get; }

    /// <summary>Why these parts cannot be put together; null when they can.</summary>
    public virtual string? Objection(MoeConfig config, IEnumerable<string> modelTypes)
    {
        string? other = modelTypes.FirstOrDefault(type => !ModelTypes.Contains(type));
        return other is null ? null : $"{Name} is made of {string.Join(" or ", ModelTypes)} models, one is '{other}'";
    }

    /// <summary>Experts for each token when the recipe does not say.</summary>
    public virtual int DefaultExpertsPerToken(MoeConfig config) => 2;

    /// <summary>The tensor of an expert in the split layout, after <c>model.layers.N.</c></summary>
    public virtual string ExpertTensor(int expert, MlpPart part) => $"mlp.experts.{expert}.{PartName(part)}.weight";

    /// <summary>The router in the split layout.</summary>
    public virtual string Router => "mlp.gate.weight";

    /// <summary>The prefix of the shared experts' tensors; null when there are none.</summary>
    public virtual string? SharedPrefix => null;

    /// <summary>The gate of the shared expert; null when it always takes part in full.</summary>
    public virtual string? SharedGate => null;

    /// <summary>True when q, k and v need biases: zeros where the base has none.</summary>
    public virtual bool NeedsAttentionBiases => false;

    /// <summary>Changes the base's configuration into the mixture's.</summary>
    public abstract void Configure(JsonObject config, MoeConfig recipe, int expertsPerToken);

    /// <summary>The architecture of a recipe: the one it names, else Mixtral if it fits, else the first that fits.</summary>
    public static MoeArchitecture Choose(MoeConfig config, IReadOnlyCollection<string> modelTypes)
    {
        if (config.Architecture is { } name)
        {
            MoeArchitecture chosen = Array.Find(All, architecture => architecture.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                ?? Array.Find(All, architecture => architecture.Name.StartsWith(name, StringComparison.OrdinalIgnoreCase))
                ?? throw config.ArchitecturePosition.Error($"'architecture' cannot be '{name}'; use {string.Join(", ", All.Select(architecture => architecture.Name))}");
            return chosen.Objection(config, modelTypes) is { } objection ? throw config.ArchitecturePosition.Error(objection) : chosen;
        }

        return Array.Find(All, architecture => architecture.Objection(config, modelTypes) is null)
            ?? throw config.BaseModelPosition.Error($"no mixture can be made of these models: {string.Join("; ", All.Select(architecture => architecture.Objection(config, modelTypes)))}");
    }

    /// <summary>The name of a part in dense models.</summary>
    public static string PartName(MlpPart part) => part switch
    {
        MlpPart.Gate => "gate_proj",
        MlpPart.Up => "up_proj",
        _ => "down_proj",
    };

    /// <summary>Sets names, and removes what belonged to the dense model's class.</summary>
    protected static void Rename(JsonObject config, string architecture, string modelType)
    {
        config["architectures"] = new JsonArray(architecture);
        config["model_type"] = modelType;
        config.Remove("auto_map");
    }

    /// <summary>The width of a dense model's feed-forward layers.</summary>
    protected static JsonNode? Width(JsonObject config) => config["intermediate_size"]?.DeepClone();
}
