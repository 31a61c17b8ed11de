using System.Globalization;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Training.Data;
using Merganser.Tokenizers;
using Merganser.Weights.Recipes;

namespace Merganser.Neural.Training;

/// <summary>The data that a recipe names, each file read once, and the task that it makes for a model.</summary>
internal sealed class RecipeData(TrainingRecipe recipe)
{
    private readonly Dictionary<string, IReadOnlyList<TextExample>> _texts = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Path, string Part), ImageSet> _sets = [];
    private Tokenizer? _tokenizer;

    private Tokenizer Words => _tokenizer ??= Tokenizer.Load(recipe.Tokenizer ?? (Directory.Exists(recipe.Model) ? recipe.Model : Path.GetDirectoryName(recipe.Model)!));

    /// <summary>The classes of the training data: numbers by size, then names in their order.</summary>
    public IReadOnlyList<string> Labels(bool areImages)
    {
        if (!areImages)
            return LabelOrder.Of(Texts(recipe.Train).Select(example => LabelOf(example, recipe.Train)));
        return Ubyte(recipe.Train, "train") is { } set
            ? [.. Enumerable.Range(0, set.Labels.Max() + 1).Select(label => label.ToString(CultureInfo.InvariantCulture))]
            : ImageFolder.Classes(recipe.Train, recipe.LabelField);
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
                ImageProcessor processor = ImageProcessor.Load(vision);
                // A task computes (x/255 − mean)/deviation; the processor may have another factor.
                double scale = 255 * processor.Factor;
                return new ImageTask(
                    vision,
                    Images(vision, processor, recipe.Train, "train"),
                    recipe.Evaluate is { } folder ? Images(vision, processor, folder, "test", "t10k") : null,
                    [.. processor.Mean.Select(value => value / scale)],
                    [.. processor.Deviation.Select(value => value / scale)])
                {
                    LabelSmoothing = recipe.LabelSmoothing,
                };
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

    private ImageSet Images(VisionModel model, ImageProcessor processor, string path, params string[] parts)
    {
        (int Height, int Width) image = model.Encoder.Shape.Image;
        ImageSet set = Ubyte(path, parts)?.Fit(processor) ?? ImageFolder.Read(path, processor, recipe.ImageField, recipe.LabelField);
        if ((set.Height, set.Width) != image)
            throw new MerganserException($"{recipe.Model}: its preprocessor_config.json makes pictures of {set.Height}×{set.Width}; the model takes {image.Height}×{image.Width}");
        int[] labels = set.LabelNames.Count > 0 ? [.. set.Labels.Select(label => NumberOf(model.Labels, set.LabelNames[label], path))] : set.Labels;
        return labels.Max() < model.Labels.Count ? set with { Labels = labels } : throw new MerganserException($"{path}: has class {labels.Max()}; the model has {model.Labels.Count} classes");
    }

    /// <summary>The IDX files of the first part that a folder has; null if it has none.</summary>
    private ImageSet? Ubyte(string path, params string[] parts)
    {
        if (Array.Find(parts, part => ImageSet.HasUbyte(path, part)) is not { } part)
            return null;
        if (!_sets.TryGetValue((path, part), out ImageSet? set))
            _sets.Add((path, part), set = ImageSet.ReadUbyte(path, part));
        return set;
    }
}
