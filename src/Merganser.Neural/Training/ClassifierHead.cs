using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Neural.Models;

namespace Merganser.Neural.Training;

/// <summary>
/// Gives a model a classifier of other classes: the configuration it then has (architecture, <c>id2label</c>, <c>label2id</c>,
/// <c>num_labels</c>), and which parameters belong to the classifier.
/// </summary>
internal static class ClassifierHead
{
    private static readonly Dictionary<string, string> Classifiers = new(StringComparer.Ordinal)
    {
        ["BertModel"] = "BertForSequenceClassification",
        ["BertForMaskedLM"] = "BertForSequenceClassification",
        ["BertForSequenceClassification"] = "BertForSequenceClassification",
        ["RobertaModel"] = "RobertaForSequenceClassification",
        ["RobertaForMaskedLM"] = "RobertaForSequenceClassification",
        ["RobertaForSequenceClassification"] = "RobertaForSequenceClassification",
        ["XLMRobertaModel"] = "XLMRobertaForSequenceClassification",
        ["XLMRobertaForMaskedLM"] = "XLMRobertaForSequenceClassification",
        ["XLMRobertaForSequenceClassification"] = "XLMRobertaForSequenceClassification",
        ["ViTModel"] = "ViTForImageClassification",
        ["ViTForImageClassification"] = "ViTForImageClassification",
        ["DeiTModel"] = "DeiTForImageClassification",
        ["DeiTForImageClassification"] = "DeiTForImageClassification",
        ["DeiTForImageClassificationWithTeacher"] = "DeiTForImageClassificationWithTeacher",
        ["SiglipForImageClassification"] = "SiglipForImageClassification",
    };

    private static readonly string[] Beginnings = ["classifier.", "cls_classifier.", "distillation_classifier."];

    /// <summary>The architecture with a classifier on the same trunk; null if there is none.</summary>
    public static string? ArchitectureFor(string name) => Classifiers.GetValueOrDefault(name);

    /// <summary>Whether an architecture takes images.</summary>
    public static bool IsForImages(string architecture) => architecture.Contains("ForImageClassification", StringComparison.Ordinal);

    /// <summary>Whether a parameter belongs to the classifier.</summary>
    public static bool Owns(string parameter) => Beginnings.Any(beginning => parameter.StartsWith(beginning, StringComparison.Ordinal));

    /// <summary>Whether a base model may come without a parameter that a classifier needs: the pooler of masked language models.</summary>
    public static bool MayLack(string parameter) => parameter.Contains("pooler.dense.", StringComparison.Ordinal);

    /// <summary>The configuration with a classifier of these classes.</summary>
    public static ModelConfig Configure(ModelConfig config, string architecture, IReadOnlyList<string> labels, string path)
    {
        var document = (JsonObject)config.Document.DeepClone();
        document["architectures"] = new JsonArray((JsonNode)architecture);
        JsonObject names = [], ids = [];
        for (int id = 0; id < labels.Count; id++)
        {
            names[id.ToString(CultureInfo.InvariantCulture)] = labels[id];
            ids[labels[id]] = id;
        }

        (document["id2label"], document["label2id"], document["num_labels"]) = (names, ids, labels.Count);
        if (document["problem_type"] is not null)
            document["problem_type"] = "single_label_classification";
        return new ModelConfig(document, path);
    }
}
