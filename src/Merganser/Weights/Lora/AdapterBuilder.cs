using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights.Tools;

namespace Merganser.Weights.Lora;

/// <summary>Collects what adapter_config.json must say, and writes it with a card.</summary>
internal sealed class AdapterBuilder(ModelFolder baseModel, ModelFolder model, bool hasTransposed)
{
    private readonly SortedDictionary<string, int> _ranks = new(StringComparer.Ordinal);
    private readonly List<string> _saved = [];
    private bool _hasBias;

    public int DecomposedCount => _ranks.Count;

    public int SavedCount => _saved.Count;

    public int Rank => _ranks.Count == 0 ? 0 : _ranks.Values.Max();

    public void AddDecomposed(string module, int rank, bool hasBias)
    {
        _ranks.Add(module, rank);
        _hasBias |= hasBias;
    }

    public void AddSaved(string module) => _saved.Add(module);

    public void WriteFiles(string folder, string title)
    {
        WriteText(Path.Combine(folder, AdapterConfig.FileName), Config().ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        WriteText(Path.Combine(folder, "README.md"), Card(title));
    }

    private JsonObject Config()
    {
        int rank = Math.Max(1, Rank);
        var pattern = new JsonObject();
        var alphas = new JsonObject();
        foreach ((string module, int own) in _ranks.Where(entry => entry.Value != rank))
        {
            pattern.Add(module, own);
            alphas.Add(module, own);
        }

        return new JsonObject
        {
            ["base_model_name_or_path"] = baseModel.Path,
            ["peft_type"] = "LORA",
            ["task_type"] = TaskType(),
            ["r"] = rank,
            ["lora_alpha"] = rank,
            ["rank_pattern"] = pattern,
            ["alpha_pattern"] = alphas,
            ["lora_dropout"] = 0.0,
            ["bias"] = "none",
            ["lora_bias"] = _hasBias,
            ["use_rslora"] = false,
            ["use_dora"] = false,
            ["fan_in_fan_out"] = hasTransposed,
            ["inference_mode"] = true,
            ["target_modules"] = Names(_ranks.Keys, _saved),
            ["modules_to_save"] = _saved.Count == 0 ? null : Names(_saved, _ranks.Keys),
        };
    }

    /// <summary>Last parts of the names where they say the same as the full names, the full names elsewhere.</summary>
    private JsonArray Names(IReadOnlyCollection<string> modules, IReadOnlyCollection<string> others)
    {
        HashSet<string> chosen = [.. modules];
        HashSet<string> elsewhere = [.. others.Select(LastPart)];
        foreach (string name in model.Weights.Tensors.Keys)
        {
            string module = name.EndsWith(".weight", StringComparison.Ordinal) ? name[..^".weight".Length] : name;
            if (!chosen.Contains(module))
                elsewhere.Add(LastPart(module));
        }

        IEnumerable<string> names = modules.Select(module => LastPart(module) is var last && !elsewhere.Contains(last) && !char.IsAsciiDigit(last[0]) ? last : module);
        return [.. names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(name => (JsonNode)name)];
    }

    private static string LastPart(string name) => name[(name.LastIndexOf('.') + 1)..];

    private string TaskType()
    {
        string architecture = model.Config["architectures"] is JsonArray { Count: > 0 } names && names[0] is JsonValue value && value.TryGetValue(out string? text) ? text : "";
        return architecture switch
        {
            _ when architecture.EndsWith("ForCausalLM", StringComparison.Ordinal) || architecture.EndsWith("LMHeadModel", StringComparison.Ordinal) => "CAUSAL_LM",
            _ when architecture.EndsWith("ForSequenceClassification", StringComparison.Ordinal) => "SEQ_CLS",
            _ when architecture.EndsWith("ForTokenClassification", StringComparison.Ordinal) => "TOKEN_CLS",
            _ when architecture.EndsWith("ForQuestionAnswering", StringComparison.Ordinal) => "QUESTION_ANS",
            _ when architecture.EndsWith("ForConditionalGeneration", StringComparison.Ordinal) => "SEQ_2_SEQ_LM",
            _ => "FEATURE_EXTRACTION",
        };
    }

    private string Card(string title) =>
        new StringBuilder()
            .Append("---\nlibrary_name: peft\ntags: [merganser, lora]\n---\n\n")
            .Append(CultureInfo.InvariantCulture, $"# {title}\n\nA LoRA adapter extracted from {YamlText.Quote(model.Path)}, a fine-tune of {YamlText.Quote(baseModel.Path)}: ")
            .Append(CultureInfo.InvariantCulture, $"{DecomposedCount} modules of rank up to {Rank}, {SavedCount} saved whole.\n")
            .ToString();

    private static void WriteText(string path, string text)
    {
        try
        {
            File.WriteAllText(path, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be written: {e.Message}", e);
        }
    }
}
