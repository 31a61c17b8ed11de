using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Models;

namespace Merganser.Neural.Decoding;

/// <summary>How tokens are chosen and when generation ends.</summary>
public sealed record GenerationOptions
{
    /// <summary>At most this many new tokens.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>Divides the logits; 0 takes the most probable token. At least 0.</summary>
    public double Temperature { get; init; }

    /// <summary>Only the most probable tokens, this many; 0: all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the most probable tokens that together have this probability; in (0, 1].</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only tokens with at least this share of the greatest probability; in [0, 1).</summary>
    public double MinP { get; init; }

    /// <summary>Logits of tokens that occurred are divided by this if positive, else multiplied; more than 0, 1 changes nothing.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>Draws of the same seed are the same.</summary>
    public ulong Seed { get; init; }

    /// <summary>Ids that end a sequence; they are not handed out.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];

    /// <summary>Texts that end a sequence; neither they nor what follows is handed out.</summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>Throws for a value outside its range.</summary>
    /// <exception cref="MerganserException">Names the option and its range.</exception>
    public GenerationOptions Validate()
    {
        Check(MaxNewTokens >= 1, "max-new-tokens", MaxNewTokens, "at least 1");
        Check(Temperature >= 0 && double.IsFinite(Temperature), "temperature", Temperature, "0 (greedy) or a positive number");
        Check(TopK >= 0, "top-k", TopK, "0 (all) or a positive number");
        Check(TopP is > 0 and <= 1, "top-p", TopP, "in (0, 1]");
        Check(MinP is >= 0 and < 1, "min-p", MinP, "in [0, 1)");
        Check(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty), "repetition-penalty", RepetitionPenalty, "a positive number");
        return this;
    }

    /// <summary>What a model's folder recommends: generation_config.json, else the end ids of config.json.</summary>
    public static GenerationOptions Recommended(string folder)
    {
        using ModelFolder files = ModelFolder.Open(folder);
        string path = Path.Combine(files.Path, "generation_config.json");
        ModelConfig own = File.Exists(path) ? new ModelConfig(BoundedJson.ReadObject(path), path) : ModelConfig.Of(files);
        bool samples = own.Flag("do_sample", false);
        return new GenerationOptions
        {
            Temperature = samples ? own.Number("temperature", 1) : 0,
            TopK = samples ? own.Int("top_k", 50) : 0,
            TopP = samples ? own.Number("top_p", 1) : 1,
            MinP = samples ? own.Number("min_p", 0) : 0,
            RepetitionPenalty = own.Number("repetition_penalty", 1),
            EndIds = [.. EndIdsOf(own.Document).Concat(EndIdsOf(files.Config)).Distinct()],
        };
    }

    private static IEnumerable<int> EndIdsOf(JsonObject document) => document["eos_token_id"] switch
    {
        JsonArray list => list.OfType<JsonValue>().Select(value => value.TryGetValue(out int id) ? id : -1).Where(id => id >= 0),
        JsonValue value when value.TryGetValue(out int id) => [id],
        _ => [],
    };

    private static void Check(bool holds, string option, object value, string range)
    {
        if (!holds)
            throw new MerganserException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{option} is {value}; it must be {range}"));
    }
}
