using System.Globalization;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Training.Data;
using Merganser.Tokenizers;
using Merganser.Weights.Recipes;

namespace Merganser.Neural.Training;

/// <summary>The data that a recipe names, each file read once, and the task that it makes for a model.</summary>
internal sealed class RecipeData(TrainingRecipe recipe)
{
    private readonly Dictionary<string, IReadOnlyList<TextExample>> _texts = new(StringComparer.Ordinal);
    private Tokenizer? _tokenizer;

    private Tokenizer Words => _tokenizer ??= Tokenizer.Load(recipe.Tokenizer ?? (Directory.Exists(recipe.Model) ? recipe.Model : Path.GetDirectoryName(recipe.Model)!));

    /// <summary>The classes of the training data: numbers by size, then names in their order.</summary>
    public IReadOnlyList<string> Labels(bool areImages)
    {
        IEnumerable<string> found = areImages
            ? ImageSet.HasUbyte(recipe.Train, "train")
                ? Enumerable.Range(0, ImageSet.ReadUbyte(recipe.Train, "train").Labels.Max() + 1).Select(label => label.ToString(CultureInfo.InvariantCulture))
                : ImageFolder.Classes(recipe.Train)
            : Texts(recipe.Train).Select(example => LabelOf(example, recipe.Train));
        return
        [
            .. found.Distinct(StringComparer.Ordinal)
                .OrderBy(label => int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : int.MaxValue)
                .ThenBy(label => label, StringComparer.Ordinal),
        ];
    }

    /// <summary>What the model learns.</summary>
    public TrainingTask TaskFor(PretrainedModel model)
    {
        switch (model)
        {
            case CausalLm causal:
                return new CausalTask(causal, Stream(recipe.Train), recipe.Evaluate is { } held ? Stream(held) : [], recipe.Context);
            case BertModel { HeadKind: BertHead.Classifier } encoder:
                (int[][] rows, int[] labels) = Rows(encoder, recipe.Train);
                (int[][] heldRows, int[] heldLabels) = recipe.Evaluate is { } path ? Rows(encoder, path) : ([], []);
                return new TextTask(encoder, rows, labels, heldRows, heldLabels, encoder.Config.Int("pad_token_id", 0)) { LabelSmoothing = recipe.LabelSmoothing };
            case VisionModel { Labels.Count: > 0 } vision:
                (double[] mean, double[] deviation) = Normalisation(vision);
                return new ImageTask(vision, Images(vision, recipe.Train, "train"), recipe.Evaluate is { } folder ? Images(vision, folder, "test") : null, mean, deviation) { LabelSmoothing = recipe.LabelSmoothing };
            default:
                throw new MerganserException($"{recipe.Model}: {model.GetType().Name} is neither a decoder nor a classifier of texts or images; others are not trained by recipes");
        }
    }

    private IReadOnlyList<TextExample> Texts(string path)
    {
        if (!_texts.TryGetValue(path, out IReadOnlyList<TextExample>? examples))
            _texts.Add(path, examples = TextExamples.Read(path, recipe.TextField, recipe.LabelField));
        return examples.Count > 0 ? examples : throw new MerganserException($"{path}: holds no texts");
    }

    private int[] Stream(string path) => [.. Texts(path).SelectMany(example => Words.EncodeToIds(example.Text))];

    private (int[][] Rows, int[] Labels) Rows(BertModel model, string path)
    {
        IReadOnlyList<string> names = ClassLabels.Read(model.Config);
        IReadOnlyList<TextExample> examples = Texts(path);
        int most = Math.Min(recipe.Context, model.MaxTokens ?? int.MaxValue);
        int[][] rows = [.. examples.Select(example => Words.EncodeToIds(example.Text) is var ids && ids.Length <= most ? ids : [.. ids[..(most - 1)], ids[^1]])];
        return (rows, [.. examples.Select(example => NumberOf(names, LabelOf(example, path), path))]);
    }

    private string LabelOf(TextExample example, string path) =>
        example.Label ?? throw new MerganserException($"{path}: a text has no label; classification needs one for each ({recipe.LabelField})");

    private static int NumberOf(IReadOnlyList<string> names, string label, string path)
    {
        int place = -1;
        for (int i = 0; i < names.Count && place < 0; i++)
            place = names[i] == label ? i : -1;
        if (place >= 0 || (int.TryParse(label, NumberStyles.None, CultureInfo.InvariantCulture, out place) && place < names.Count))
            return place;
        throw new MerganserException($"{path}: the label {NearestName.Quote(label)} is none of the model's (id2label in config.json; 'labels' makes a new head){NearestName.Hint(label, names)}");
    }

    private static ImageSet Images(VisionModel model, string path, string part)
    {
        VisionShape shape = model.Encoder.Shape;
        ImageSet set = ImageSet.HasUbyte(path, part) ? ImageSet.ReadUbyte(path, part) : ImageFolder.Read(path, shape.Channels, shape.Image.Height, shape.Image.Width);
        int[] labels = set.LabelNames.Count > 0 ? [.. set.Labels.Select(label => NumberOf(model.Labels, set.LabelNames[label], path))] : set.Labels;
        return labels.Max() < model.Labels.Count ? set with { Labels = labels } : throw new MerganserException($"{path}: has class {labels.Max()}; the model has {model.Labels.Count} classes");
    }

    private static (double[] Mean, double[] Deviation) Normalisation(VisionModel model)
    {
        string? path = model.Source is { } folder ? Path.Join(folder, "preprocessor_config.json") : null;
        if (path is null || !File.Exists(path))
            return ([0.5], [0.5]);
        ModelConfig config = RecipeModel.ReadConfig(path);
        int channels = model.Encoder.Shape.Channels;
        double[] Values(string key) => config.Has(key) && config.Numbers(key) is var numbers ? numbers.Count == channels || numbers.Count == 1 ? [.. numbers] : throw config.Wrong(key, $"{channels} numbers") : [0.5];
        return (Values("image_mean"), Values("image_std"));
    }
}
