using System.Text.Json.Nodes;
using Merganser.Neural.Models;
using Merganser.Tests;

namespace Merganser.Neural.Tests;

/// <summary>Folders of small models with random weights, those of texts with a WordPiece tokenizer of a few words.</summary>
internal static class TinyFolders
{
    public const string Vit = """
        {"architectures": ["ViTForImageClassification"], "model_type": "vit", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "image_size": 8, "patch_size": 4, "initializer_range": 0.5, "id2label": {"0": "red", "1": "blue", "2": "grey"}}
        """;

    public const string VitBase = """
        {"architectures": ["ViTModel"], "model_type": "vit", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "image_size": 8, "patch_size": 4, "initializer_range": 0.5}
        """;

    public const string Siglip = """
        {"architectures": ["SiglipVisionModel"], "model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "image_size": 8, "patch_size": 4, "initializer_range": 0.5}
        """;

    public const string Clip = """
        {"architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": 12, "initializer_range": 0.5,
         "text_config": {"vocab_size": 12, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 10, "eos_token_id": 3},
         "vision_config": {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 8, "patch_size": 4}}
        """;

    public const string BertClassifier = """
        {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "vocab_size": 12, "hidden_size": 16, "intermediate_size": 24,
         "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 8, "initializer_range": 0.5, "id2label": {"0": "bad", "1": "good"}}
        """;

    public const string Bert = """
        {"architectures": ["BertModel"], "model_type": "bert", "vocab_size": 12, "hidden_size": 16, "intermediate_size": 24,
         "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 10, "initializer_range": 0.5}
        """;

    public const string Roberta = """
        {"architectures": ["RobertaModel"], "model_type": "roberta", "vocab_size": 12, "hidden_size": 16, "intermediate_size": 24, "pad_token_id": 0,
         "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 12, "initializer_range": 0.5}
        """;

    public const string T5 = """
        {"architectures": ["T5EncoderModel"], "model_type": "t5", "vocab_size": 12, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2,
         "initializer_range": 0.5}
        """;

    public const string T5Whole = """
        {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": 12, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2,
         "decoder_start_token_id": 0, "eos_token_id": 3, "pad_token_id": 0, "initializer_range": 0.5}
        """;

    public const string Whisper = """
        {"architectures": ["WhisperForConditionalGeneration"], "model_type": "whisper", "vocab_size": 12, "d_model": 16, "num_mel_bins": 8, "max_source_positions": 6,
         "max_target_positions": 10, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_layers": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 24,
         "decoder_start_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "initializer_range": 0.5}
        """;

    public const string Deit = """
        {"architectures": ["DeiTForImageClassificationWithTeacher"], "model_type": "deit", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "image_size": 8, "patch_size": 4, "initializer_range": 0.5, "id2label": {"0": "red", "1": "blue"}}
        """;

    public const string Llama = """
        {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 12, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 10, "initializer_range": 0.5}
        """;

    private const string WordPiece = """
        {"version": "1.0", "added_tokens": [{"id": 2, "content": "[CLS]", "special": true}, {"id": 3, "content": "[SEP]", "special": true}],
         "pre_tokenizer": {"type": "BertPreTokenizer"}, "normalizer": {"type": "BertNormalizer", "lowercase": true},
         "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
         "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
          "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "film": 5, "fine": 6, "poor": 7, "very": 8, "the": 9, "is": 10, "not": 11}}}
        """;

    /// <summary>A model in memory.</summary>
    public static PretrainedModel Create(string config, long seed = 3) => PretrainedModel.CreateNew(new ModelConfig(JsonNode.Parse(config)!.AsObject(), "config.json"), seed);

    /// <summary>Writes a model and its tokenizer.</summary>
    public static string Make(TempFolder folder, string config, string name = "model")
    {
        using PretrainedModel model = Create(config);
        model.Save(folder[name]);
        if (config.Contains("vocab_size", StringComparison.Ordinal))
            File.WriteAllText(folder[name + "/tokenizer.json"], WordPiece);
        return folder[name];
    }
}
