namespace Merganser.Neural.Models;

/// <summary>Which class computes which architecture: one line per name of <c>architectures</c>.</summary>
public static class ModelRegistry
{
    private static readonly Dictionary<string, Func<ModelConfig, ModelOptions, PretrainedModel>> Known = new(StringComparer.Ordinal)
    {
        ["GPT2LMHeadModel"] = static (config, options) => new Gpt2Model(config, options),
        ["GPTNeoXForCausalLM"] = static (config, options) => new GptNeoxModel(config, options),
        ["LlamaForCausalLM"] = static (config, options) => new LlamaModel(config, options),
        ["MistralForCausalLM"] = static (config, options) => new LlamaModel(config, options),
        ["Qwen2ForCausalLM"] = static (config, options) => new LlamaModel(config, options),
        ["Qwen3ForCausalLM"] = static (config, options) => new LlamaModel(config, options),
        ["ViTModel"] = static (config, options) => new VitModel(config, options, VitHead.Pooler, distilled: false),
        ["ViTForImageClassification"] = static (config, options) => new VitModel(config, options, VitHead.Classifier, distilled: false),
        ["SmallVit"] = static (config, options) => new VitModel(config, options, VitHead.Pooler, distilled: false), // models/vit28-tasks: heads apart.
        ["DeiTModel"] = static (config, options) => new VitModel(config, options, VitHead.Pooler, distilled: true),
        ["DeiTForImageClassification"] = static (config, options) => new VitModel(config, options, VitHead.Classifier, distilled: true),
        ["DeiTForImageClassificationWithTeacher"] = static (config, options) => new VitModel(config, options, VitHead.Teacher, distilled: true),
        ["CLIPModel"] = static (config, options) => new ClipModel(config, options),
        ["CLIPVisionModel"] = static (config, options) => new ClipVisionModel(config, options, projection: false),
        ["CLIPVisionModelWithProjection"] = static (config, options) => new ClipVisionModel(config, options, projection: true),
        ["SiglipVisionModel"] = static (config, options) => new SiglipVisionModel(config, options, classifier: false),
        ["SiglipForImageClassification"] = static (config, options) => new SiglipVisionModel(config, options, classifier: true),
        ["BertModel"] = static (config, options) => new BertModel(config, options, BertHead.None),
        ["BertForMaskedLM"] = static (config, options) => new BertModel(config, options, BertHead.MaskedLm),
        ["BertForSequenceClassification"] = static (config, options) => new BertModel(config, options, BertHead.Classifier),
        ["RobertaModel"] = static (config, options) => new BertModel(config, options, BertHead.None),
        ["RobertaForMaskedLM"] = static (config, options) => new BertModel(config, options, BertHead.MaskedLm),
        ["RobertaForSequenceClassification"] = static (config, options) => new BertModel(config, options, BertHead.Classifier),
        ["XLMRobertaModel"] = static (config, options) => new BertModel(config, options, BertHead.None),
        ["XLMRobertaForMaskedLM"] = static (config, options) => new BertModel(config, options, BertHead.MaskedLm),
        ["XLMRobertaForSequenceClassification"] = static (config, options) => new BertModel(config, options, BertHead.Classifier),
        ["T5ForConditionalGeneration"] = static (config, options) => new T5Model(config, options),
        ["T5WithLMHeadModel"] = static (config, options) => new T5Model(config, options),
        ["T5EncoderModel"] = static (config, options) => new T5EncoderModel(config, options),
        ["WhisperForConditionalGeneration"] = static (config, options) => new WhisperModel(config, options),
    };

    private static readonly Dictionary<string, string> UsualArchitecture = new(StringComparer.Ordinal)
    {
        ["gpt2"] = "GPT2LMHeadModel",
        ["gpt_neox"] = "GPTNeoXForCausalLM",
        ["llama"] = "LlamaForCausalLM",
        ["mistral"] = "MistralForCausalLM",
        ["qwen2"] = "Qwen2ForCausalLM",
        ["qwen3"] = "Qwen3ForCausalLM",
        ["vit"] = "ViTModel",
        ["small_vit"] = "SmallVit",
        ["deit"] = "DeiTModel",
        ["clip"] = "CLIPModel",
        ["clip_vision_model"] = "CLIPVisionModel",
        ["siglip_vision_model"] = "SiglipVisionModel",
        ["bert"] = "BertModel",
        ["roberta"] = "RobertaModel",
        ["xlm-roberta"] = "XLMRobertaModel",
        ["t5"] = "T5ForConditionalGeneration",
        ["whisper"] = "WhisperForConditionalGeneration",
    };

    /// <summary>The names that are known.</summary>
    public static IReadOnlyCollection<string> Names => Known.Keys;

    /// <summary>The architecture that a configuration names.</summary>
    /// <exception cref="MerganserException">It names none.</exception>
    internal static string NameOf(ModelConfig config)
    {
        // Configurations of inner models and of older tools name no architecture: their type has a usual one.
        IReadOnlyList<string> architectures = config.Texts("architectures");
        string? name = architectures.Count > 0 ? architectures[0] : UsualArchitecture.GetValueOrDefault(config.Text("model_type", ""));
        return name ?? throw config.Wrong("architectures", "a list with the name of the architecture");
    }

    internal static PretrainedModel Create(ModelConfig config, ModelOptions options)
    {
        string name = NameOf(config);
        return Known.TryGetValue(name, out Func<ModelConfig, ModelOptions, PretrainedModel>? make)
            ? make(config, options)
            : throw config.Wrong("architectures", NearestArchitecture(name));
    }

    private static string NearestArchitecture(string name)
    {
        string family = name.Split("For")[0].Split("Model")[0];
        string[] near = [.. Known.Keys.Where(known => known.StartsWith(family, StringComparison.OrdinalIgnoreCase))];
        return near.Length > 0 ? $"one of {string.Join(", ", near)}" : $"one of {string.Join(", ", Known.Keys.Order(StringComparer.Ordinal))}";
    }
}
