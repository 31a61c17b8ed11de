using System.Text.Json.Nodes;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Training;
using Merganser.Tests;
using SkiaSharp;

namespace Merganser.Neural.Tests.Training;

/// <summary>Recipes for classifiers of texts and images: heads kept and new, what config.json then says, and that they learn.</summary>
public sealed class ClassifierRecipeTests
{
    private const string Bert = """
        {"architectures": ["BertForMaskedLM"], "model_type": "bert", "vocab_size": 31, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
         "num_attention_heads": 2, "max_position_embeddings": 16, "type_vocab_size": 2, "initializer_range": 0.3, "pad_token_id": 0}
        """;

    private const string Vit = """
        {"architectures": ["ViTModel"], "model_type": "vit", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
         "image_size": 8, "patch_size": 4, "num_channels": 3, "initializer_range": 0.3}
        """;

    private static readonly string[] Words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "fine", "poor", "film", "book", "the", "a"];

    private static void Save(string folder, string config)
    {
        JsonObject document = JsonNode.Parse(config)!.AsObject();
        using PretrainedModel model = PretrainedModel.CreateNew(new ModelConfig(document, "config.json"), 7);
        model.Save(folder);
    }

    private static void WriteBert(TempFolder folder)
    {
        Save(folder["bert"], Bert);
        File.WriteAllLines(Path.Join(folder["bert"], "vocab.txt"), [.. Words, .. Enumerable.Range(Words.Length, 31 - Words.Length).Select(i => $"[unused{i}]")]);
        File.WriteAllText(folder["reviews.tsv"], string.Concat(Enumerable.Range(0, 24).Select(i => i % 2 == 0
            ? $"pos\tthe {(i % 4 == 0 ? "good" : "fine")} {(i % 3 == 0 ? "film" : "book")}\n"
            : $"neg\ta {(i % 4 == 1 ? "bad" : "poor")} {(i % 3 == 0 ? "film" : "book")}\n")));
    }

    private static void WritePictures(TempFolder folder)
    {
        Save(folder["vit"], Vit);
        foreach ((string name, SKColor colour) in ((string, SKColor)[])[("red", SKColors.Red), ("blue", SKColors.Blue), ("white", SKColors.White)])
        {
            Directory.CreateDirectory(Path.Join(folder["pictures"], name));
            for (int i = 0; i < 4; i++)
            {
                using var bitmap = new SKBitmap(8, 8);
                bitmap.Erase(colour);
                bitmap.SetPixel(i, i, SKColors.Black);
                using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
                File.WriteAllBytes(Path.Join(folder["pictures"], name, $"{i}.png"), data.ToArray());
            }
        }
    }

    private static TrainingReport Train(TempFolder folder, string recipe, string target)
    {
        File.WriteAllText(folder["recipe.yml"], recipe);
        using var run = new TrainingRun(TrainingRecipe.ReadFile(folder["recipe.yml"]));
        return run.Run(folder[target]);
    }

    private static JsonObject Config(string folder) => JsonNode.Parse(File.ReadAllText(Path.Join(folder, "config.json")))!.AsObject();

    [Fact]
    public void A_language_model_becomes_a_classifier_of_the_labels_in_the_data()
    {
        using var folder = new TempFolder();
        WriteBert(folder);
        TrainingReport report = Train(folder, "model: bert\ntrain: reviews.tsv\nevaluate: reviews.tsv\nsteps: 60\nlearning_rate: 1e-2\nbatch_size: 8\n", "out");
        Assert.Equal(1.0, report.Best!.Score);
        JsonObject config = Config(folder["out"]);
        Assert.Equal("BertForSequenceClassification", (string?)config["architectures"]![0]);
        Assert.Equal("""{"0":"neg","1":"pos"}""", config["id2label"]!.ToJsonString());
        Assert.Equal("""{"neg":0,"pos":1}""", config["label2id"]!.ToJsonString());
        Assert.Equal(2, (int)config["num_labels"]!);
        Assert.True(File.Exists(Path.Join(folder["out"], "vocab.txt")));
        using var model = PretrainedModel.Load<BertModel>(folder["out"]);
        Assert.Equal(BertHead.Classifier, model.HeadKind);
    }

    [Fact]
    public void A_head_of_the_same_labels_is_kept_and_one_of_others_is_new()
    {
        using var folder = new TempFolder();
        WriteBert(folder);
        string recipe = "train: reviews.tsv\nsteps: 1\nlearning_rate: 0\nbatch_size: 4\n";
        Train(folder, $"model: bert\n{recipe}", "first");
        Train(folder, $"model: first\nseed: 3\nlabels: [neg, pos]\n{recipe}", "same");
        Train(folder, $"model: first\nseed: 3\nlabels: [pos, neg, none]\n{recipe}", "other");
        byte[] Weight(string name, string parameter) => TinyModel.Read(folder[name])[parameter].Bytes;
        Assert.Equal(Weight("first", "classifier.weight"), Weight("same", "classifier.weight"));
        Assert.Equal(3 * 16 * sizeof(float), Weight("other", "classifier.weight").Length);
        Assert.Equal(Weight("first", "bert.pooler.dense.weight"), Weight("other", "bert.pooler.dense.weight"));
        Assert.Equal("pos", (string?)Config(folder["other"])["id2label"]!["0"]);
    }

    [Fact]
    public void Pictures_in_folders_train_a_vision_model_with_their_names_as_classes()
    {
        using var folder = new TempFolder();
        WritePictures(folder);
        TrainingReport report = Train(folder, "model: vit\ntrain: pictures\nevaluate: pictures\nsteps: 40\nlearning_rate: 1e-2\nbatch_size: 6\n", "out");
        Assert.Equal(1.0, report.Best!.Score);
        using var model = PretrainedModel.Load<VisionModel>(folder["out"]);
        Assert.Equal(["blue", "red", "white"], model.Labels);
        Assert.Equal(3, (int)Config(folder["out"])["num_labels"]!);
    }

    [Fact]
    public void The_preprocessor_of_the_folder_says_how_pictures_become_numbers()
    {
        using var folder = new TempFolder();
        WritePictures(folder);
        const string Recipe = "model: vit\ntrain: pictures\nevaluate: pictures\nsteps: 1\nlearning_rate: 0\n";
        const string Same = """{"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}, "resample": 2, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}""";
        string path = Path.Join(folder["vit"], "preprocessor_config.json");
        double plain = Train(folder, Recipe, "a").Best!.Loss;
        File.WriteAllText(path, Same);
        Assert.Equal(plain, Train(folder, Recipe, "b").Best!.Loss, 1e-6);
        File.WriteAllText(path, Same.Replace("0.5, 0.5, 0.5], \"image_std\"", "0.1, 0.9, 0.5], \"image_std\"", StringComparison.Ordinal));
        Assert.NotEqual(plain, Train(folder, Recipe, "c").Best!.Loss, 1e-4);
        // Bytes as they are, mean and deviation 255 times as large: the same numbers.
        File.WriteAllText(path, """{"size": {"height": 8, "width": 8}, "do_rescale": false, "image_mean": [127.5, 127.5, 127.5], "image_std": [127.5, 127.5, 127.5]}""");
        Assert.Equal(plain, Train(folder, Recipe, "d").Best!.Loss, 1e-5);
        Assert.True(File.Exists(Path.Join(folder["d"], "preprocessor_config.json")));
        File.WriteAllText(path, """{"size": {"height": 12, "width": 8}}""");
        Assert.Contains("12×8", Assert.Throws<MerganserException>(() => Train(folder, Recipe, "e")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_of_a_classifier_carries_its_head()
    {
        using var folder = new TempFolder();
        WriteBert(folder);
        Train(folder, "model: bert\ntrain: reviews.tsv\nsteps: 1\nlearning_rate: 0\n", "base");
        TrainingReport report = Train(folder, "model: base\ntrain: reviews.tsv\nevaluate: reviews.tsv\nsteps: 60\nlearning_rate: 2e-2\nbatch_size: 8\nlora:\n  targets: [all-linear]\n", "adapter");
        Assert.Equal(1.0, report.Best!.Score);
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Join(folder["adapter"], "adapter_config.json")))!;
        Assert.Equal(("SEQ_CLS", "[\"classifier\"]"), ((string)config["task_type"]!, config["modules_to_save"]!.ToJsonString()));
        File.WriteAllText(folder["merge.yml"], $"models:\n  - model: {folder["base"]}+{folder["adapter"]}\nmerge_method: passthrough\ndtype: float32\n");
        using var output = new StringWriter();
        Assert.Equal(0, Merganser.Cli.Program.Run(["merge", folder["merge.yml"], folder["merged"]], output, output));
        TrainingReport measured = Train(folder, "model: merged\ntrain: reviews.tsv\nevaluate: reviews.tsv\nsteps: 1\nlearning_rate: 0\n", "check");
        Assert.Equal(report.Best.Loss, measured.Best!.Loss, 1e-5);
    }

    [Fact]
    public void An_adapter_with_a_head_that_its_base_lacks_is_refused_unless_merged()
    {
        using var folder = new TempFolder();
        WriteBert(folder);
        const string Recipe = "model: bert\ntrain: reviews.tsv\nsteps: 2\nlora:\n  rank: 2\n";
        Assert.Contains("recipe.yml:5", Assert.Throws<MerganserException>(() => Train(folder, Recipe, "out")).Message, StringComparison.Ordinal);
        Train(folder, Recipe + "  merge: true\n", "out");
        PretrainedModel.Load<BertModel>(folder["out"]).Dispose();
    }

    [Theory]
    [InlineData("labels: [neg, pos, neg]", "twice")]
    [InlineData("labels: [neg, maybe]", "none of the model's")]
    [InlineData("label_field: x\ntext_field: y\nlabels: {a: 1}", "list of words")]
    public void Wrong_labels_give_one_line(string line, string part)
    {
        using var folder = new TempFolder();
        WriteBert(folder);
        string message = Assert.Throws<MerganserException>(() => Train(folder, $"model: bert\ntrain: reviews.tsv\n{line}\n", "out")).Message;
        Assert.DoesNotContain('\n', message);
        Assert.Contains(part, message, StringComparison.Ordinal);
    }
}
