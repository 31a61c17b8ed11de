using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Training.Data;
using Merganser.Tokenizers;
using Merganser.Weights.Execution;
using Merganser.Weights.Recipes;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>A recipe with its model and data in memory, ready to run into a folder.</summary>
public sealed class TrainingRun : IDisposable
{
    private const string StateFile = "state.safetensors";
    private const long MaxConfigBytes = 16 << 20;

    private readonly TrainingRecipe _recipe;
    private readonly PretrainedModel _model;
    private readonly TrainingTask _task;

    /// <summary>Loads what a recipe names.</summary>
    /// <exception cref="MerganserException">The model, its tokenizer or the data cannot be used.</exception>
    public TrainingRun(TrainingRecipe recipe, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        _recipe = recipe;
        var options = new ModelOptions { Device = device ?? CPU, DType = TorchRuntime.ParseType(recipe.Type), Trainable = true };
        _model = Directory.Exists(recipe.Model) ? PretrainedModel.Load(recipe.Model, options) : PretrainedModel.CreateNew(ReadConfig(recipe.Model), recipe.Seed, options);
        try
        {
            _task = TaskOf(_model);
            Options = recipe.Options(_task.Count);
        }
        catch
        {
            _model.Dispose();
            throw;
        }
    }

    /// <summary>How the run will go.</summary>
    public TrainerOptions Options { get; }

    /// <summary>What will be done, in lines.</summary>
    public string Description => FormattableString.Invariant(
        $"{_model.GetType().Name}, {Parameters().Sum(name => _model.Parameters[name].Value.numel()):N0} of {_model.Parameters.Count:N0} parameters trained\n{_task.Count:N0} examples ({_task.Unit}), {Options.Steps} steps of {Options.BatchSize} x {Options.Accumulation}, {_recipe.OptimizerName}, learning rate {_recipe.LearningRate} {_recipe.ScheduleName}");

    /// <summary>Trains and writes the folder: the model, its tokenizer, <c>training.csv</c>, <c>training.svg</c>. It appears under its name when it is whole.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="overwrite">Replace it if it is there.</param>
    /// <param name="resume">Go on with an interrupted run of the same recipe.</param>
    /// <param name="progress">Told of every row of the log.</param>
    /// <param name="cancellation">Saves the state and stops.</param>
    public TrainingReport Run(string folder, bool overwrite = false, bool resume = false, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        StagingFolder staging = StagingFolder.Create(folder, overwrite, _ => resume);
        HashSet<string> trained = [.. Parameters()];
        using var trainer = new Trainer(_task, TrainedParameter.Of(_model, trained.Contains), Options with { StatePath = Path.Join(staging.Path, StateFile) });
        TrainingReport report = trainer.Run(progress, cancellation);
        string made = Path.Join(staging.Path, "model");
        _model.Save(made, new SaveOptions { Overwrite = true });
        try
        {
            CopyTokenizer(made);
            foreach (string file in Directory.GetFiles(made))
                File.Move(file, Path.Join(staging.Path, Path.GetFileName(file)), overwrite: true);
            Directory.Delete(made);
            File.Delete(Path.Join(staging.Path, StateFile));
            File.WriteAllText(Path.Join(staging.Path, "training.csv"), report.Log.ToCsv());
            File.WriteAllText(Path.Join(staging.Path, "training.svg"), report.Log.ToSvg(Path.GetFileName(staging.Target)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{folder}: cannot be written: {e.Message}", e);
        }

        staging.Commit();
        return report;
    }

    /// <inheritdoc/>
    public void Dispose() => _model.Dispose();

    private IEnumerable<string> Parameters() => _model.Parameters.All
        .Where(parameter => parameter.IsPresent && !parameter.IsTied && !_recipe.Freeze.Any(part => parameter.Name.Contains(part, StringComparison.Ordinal)))
        .Select(parameter => parameter.Name);

    private TrainingTask TaskOf(PretrainedModel model)
    {
        switch (model)
        {
            case CausalLm causal:
                Tokenizer words = Tokenizer();
                return new CausalTask(causal, Stream(words, _recipe.Train), _recipe.Evaluate is { } held ? Stream(words, held) : [], _recipe.Context);
            case BertModel { HeadKind: BertHead.Classifier } encoder:
                (int[][] rows, int[] labels) = Rows(encoder, _recipe.Train);
                (int[][] heldRows, int[] heldLabels) = _recipe.Evaluate is { } path ? Rows(encoder, path) : ([], []);
                return new TextTask(encoder, rows, labels, heldRows, heldLabels, encoder.Config.Int("pad_token_id", 0)) { LabelSmoothing = _recipe.LabelSmoothing };
            case VisionModel { Labels.Count: > 0 } vision:
                (double[] mean, double[] deviation) = Normalisation(vision);
                return new ImageTask(vision, Images(vision, _recipe.Train, "train"), _recipe.Evaluate is { } folder ? Images(vision, folder, "test") : null, mean, deviation) { LabelSmoothing = _recipe.LabelSmoothing };
            default:
                throw new MerganserException($"{_recipe.Model}: {model.GetType().Name} is neither a decoder nor a classifier of texts or images; others are not trained by recipes");
        }
    }

    private Tokenizer Tokenizer() => Merganser.Tokenizers.Tokenizer.Load(_recipe.Tokenizer ?? (Directory.Exists(_recipe.Model) ? _recipe.Model : Path.GetDirectoryName(_recipe.Model)!));

    private int[] Stream(Tokenizer tokenizer, string path) =>
        [.. TextExamples.Read(path, _recipe.TextField, _recipe.LabelField).SelectMany(example => tokenizer.EncodeToIds(example.Text))];

    private (int[][] Rows, int[] Labels) Rows(BertModel model, string path)
    {
        Tokenizer tokenizer = Tokenizer();
        IReadOnlyList<string> names = ClassLabels.Read(model.Config);
        IReadOnlyList<TextExample> examples = TextExamples.Read(path, _recipe.TextField, _recipe.LabelField);
        if (examples.Count == 0)
            throw new MerganserException($"{path}: holds no texts");
        int most = Math.Min(_recipe.Context, model.MaxTokens ?? int.MaxValue);
        int[][] rows = [.. examples.Select(example => tokenizer.EncodeToIds(example.Text) is var ids && ids.Length <= most ? ids : [.. ids[..(most - 1)], ids[^1]])];
        return (rows, [.. examples.Select(example => LabelOf(names, example.Label ?? throw new MerganserException($"{path}: a text has no label; classification needs one for each ({_recipe.LabelField})"), path))]);
    }

    private static int LabelOf(IReadOnlyList<string> names, string label, string path)
    {
        int place = -1;
        for (int i = 0; i < names.Count && place < 0; i++)
            place = names[i] == label ? i : -1;
        if (place >= 0 || (int.TryParse(label, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out place) && place < names.Count))
            return place;
        throw new MerganserException($"{path}: the label {NearestName.Quote(label)} is none of the model's (id2label in config.json){NearestName.Hint(label, names)}");
    }

    private static ImageSet Images(VisionModel model, string path, string part)
    {
        VisionShape shape = model.Encoder.Shape;
        ImageSet set = ImageSet.HasUbyte(path, part) ? ImageSet.ReadUbyte(path, part) : ImageFolder.Read(path, shape.Channels, shape.Image.Height, shape.Image.Width);
        int[] labels = set.LabelNames.Count > 0 ? [.. set.Labels.Select(label => LabelOf(model.Labels, set.LabelNames[label], path))] : set.Labels;
        return labels.Max() < model.Labels.Count ? set with { Labels = labels } : throw new MerganserException($"{path}: has class {labels.Max()}; the model has {model.Labels.Count} classes");
    }

    private static (double[] Mean, double[] Deviation) Normalisation(VisionModel model)
    {
        string? path = model.Source is { } folder ? Path.Join(folder, "preprocessor_config.json") : null;
        if (path is null || !File.Exists(path))
            return ([0.5], [0.5]);
        ModelConfig config = ReadConfig(path);
        int channels = model.Encoder.Shape.Channels;
        double[] Values(string key) => config.Has(key) && config.Numbers(key) is var numbers ? numbers.Count == channels || numbers.Count == 1 ? [.. numbers] : throw config.Wrong(key, $"{channels} numbers") : [0.5];
        return (Values("image_mean"), Values("image_std"));
    }

    private static ModelConfig ReadConfig(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaxConfigBytes)
                throw new MerganserException($"{path}: is too large for a configuration");
            return JsonNode.Parse(File.ReadAllBytes(path), documentOptions: new System.Text.Json.JsonDocumentOptions { MaxDepth = 64 }) is JsonObject document
                ? new ModelConfig(document, path)
                : throw new MerganserException($"{path}: holds no JSON object");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.Text.Json.JsonException or ArgumentException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>A new model has no side files of its own: the tokenizer that it was trained with goes along.</summary>
    private void CopyTokenizer(string folder)
    {
        string? source = _recipe.Tokenizer ?? (File.Exists(_recipe.Model) ? Path.GetDirectoryName(_recipe.Model) : null);
        foreach (string name in ModelFolder.TokenizerFileNames)
        {
            if (source is not null && _task is not ImageTask && File.Exists(Path.Join(source, name)))
                File.Copy(Path.Join(source, name), Path.Join(folder, name), overwrite: true);
        }
    }
}
