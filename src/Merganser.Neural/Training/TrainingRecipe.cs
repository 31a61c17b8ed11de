using System.Text;
using Merganser.Weights.Recipes;

namespace Merganser.Neural.Training;

/// <summary>What a training recipe says: model, data and settings, one YAML mapping. Errors name line and column, and the nearest key.</summary>
public sealed class TrainingRecipe
{
    private static readonly string[] Keys =
    [
        "model", "tokenizer", "train", "evaluate", "text_field", "label_field", "image_field", "context", "steps", "epochs", "batch_size", "accumulation", "seed", "optimizer",
        "learning_rate", "schedule", "warmup_steps", "floor", "weight_decay", "beta1", "beta2", "momentum", "max_grad_norm", "average_decay", "evaluate_every",
        "patience", "min_improvement", "keep_best", "save_every", "dtype", "label_smoothing", "freeze", "labels", "lora",
    ];

    private readonly RecipeSection _root;
    private readonly string _folder;

    private TrainingRecipe(YamlMapping root, string file, string text)
    {
        _root = new RecipeSection(root, Keys);
        _folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        Source = text;
        ModelName = _root.Text("model") ?? throw root.Position.Error("'model' is missing: a model folder, or a config.json for a new model");
        Model = Path.Combine(_folder, ModelName);
        Train = PathOf("train") ?? throw root.Position.Error("'train' is missing: the file or folder to learn");
        (Evaluate, Tokenizer) = (PathOf("evaluate"), PathOf("tokenizer"));
        (TextField, LabelField, ImageField) = (_root.Text("text_field") ?? "text", _root.Text("label_field") ?? "label", _root.Text("image_field") ?? "image");
        Context = _root.Whole("context", 128, 1);
        (Steps, Epochs) = (_root.Whole("steps", 0, 0), _root.Number("epochs", 1, 0));
        (BatchSize, Accumulation, Seed) = (_root.Whole("batch_size", 16, 1), _root.Whole("accumulation", 1, 1), _root.Whole("seed", 0, 0));
        (OptimizerName, LearningRate) = (_root.Choice("optimizer", "adamw", "adamw", "sgd"), _root.Number("learning_rate", 1e-3, 0));
        (ScheduleName, WarmupSteps, Floor) = (_root.Choice("schedule", "cosine", "constant", "linear", "cosine"), _root.Whole("warmup_steps", 0, 0), _root.Number("floor", 0, 0, 1));
        (WeightDecay, Beta1, Beta2, Momentum) = (_root.Number("weight_decay", 0.01, 0), _root.Number("beta1", 0.9, 0, 0.999999), _root.Number("beta2", 0.999, 0, 0.9999999), _root.Number("momentum", 0.9, 0, 0.999999));
        (MaxGradientNorm, AverageDecay) = (_root.Number("max_grad_norm", 1, 0), _root.Number("average_decay", 0, 0, 0.9999999));
        (EvaluateEvery, Patience, MinImprovement, SaveEvery) = (_root.Whole("evaluate_every", 0, 0), _root.Whole("patience", 0, 0), _root.Number("min_improvement", 0, 0), _root.Whole("save_every", 100, 0));
        KeepBest = _root.Switch("keep_best", Patience > 0);
        Type = _root.Choice("dtype", "float32", "float32", "bfloat16", "auto");
        LabelSmoothing = _root.Number("label_smoothing", 0, 0, 0.999);
        Freeze = _root.Texts("freeze");
        Labels = _root.Texts("labels");
        if (_root.Section("lora", "rank", "alpha", "targets", "dropout", "merge") is not { } lora)
            return;
        Lora = new LoraOptions { Rank = lora.Whole("rank", 8, 1), Alpha = lora.Number("alpha", 16, 0), Dropout = lora.Number("dropout", 0, 0, 0.999), Targets = lora.Texts("targets") };
        LoraIsMerged = lora.Switch("merge", false);
    }

    /// <summary>A model folder, or the path of a config.json.</summary>
    public string Model { get; }

    /// <summary>What is learned.</summary>
    public string Train { get; }

    /// <summary>What is measured on; null for nothing.</summary>
    public string? Evaluate { get; }

    /// <summary>The folder of the tokenizer; null: the model's.</summary>
    public string? Tokenizer { get; }

    /// <summary>How an adapter is trained; null: the model itself is.</summary>
    public LoraOptions? Lora { get; }

    internal string Source { get; }

    /// <summary>The model as the recipe writes it.</summary>
    internal string ModelName { get; }

    /// <summary>The classes of a new head; <c>data</c>: those of the data; empty: the model's.</summary>
    internal IReadOnlyList<string> Labels { get; }

    /// <summary>The adapter is added to the model, and the model is the result.</summary>
    internal bool LoraIsMerged { get; }

    internal string TextField { get; }

    internal string LabelField { get; }

    internal string ImageField { get; }

    internal int Context { get; }

    internal int Steps { get; }

    internal double Epochs { get; }

    internal int BatchSize { get; }

    internal int Accumulation { get; }

    internal int Seed { get; }

    internal string OptimizerName { get; }

    internal double LearningRate { get; }

    internal string ScheduleName { get; }

    internal int WarmupSteps { get; }

    internal double Floor { get; }

    internal double WeightDecay { get; }

    internal double Beta1 { get; }

    internal double Beta2 { get; }

    internal double Momentum { get; }

    internal double MaxGradientNorm { get; }

    internal double AverageDecay { get; }

    internal int EvaluateEvery { get; }

    internal int Patience { get; }

    internal double MinImprovement { get; }

    internal int SaveEvery { get; }

    internal bool KeepBest { get; }

    internal string Type { get; }

    internal double LabelSmoothing { get; }

    internal IReadOnlyList<string> Freeze { get; }

    /// <summary>Reads a recipe.</summary>
    /// <exception cref="MerganserException">The file is missing, or something in it is wrong.</exception>
    public static TrainingRecipe ReadFile(string path)
    {
        string text;
        try
        {
            text = File.ReadAllText(path, new UTF8Encoding(false, true));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new MerganserException($"{path}: cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }

        IReadOnlyList<YamlDocument> documents = YamlTree.Read(text, path);
        return documents.Count == 1 && documents[0].Root is YamlMapping root
            ? new TrainingRecipe(root, path, text)
            : throw new MerganserException($"{path}: a training recipe is one mapping of keys to values");
    }

    internal TrainerOptions Options(int examples)
    {
        double steps = Steps > 0 ? Steps : Math.Ceiling(Epochs * examples / ((double)BatchSize * Accumulation));
        if (steps is < 1 or > int.MaxValue)
            throw _root.Error("steps", $"the run would have {steps} steps; set 'steps' or 'epochs'");
        return new TrainerOptions
        {
            Steps = (int)steps,
            BatchSize = BatchSize,
            Accumulation = Accumulation,
            Seed = (ulong)Seed,
            Schedule = new LearningRateSchedule { Peak = LearningRate, Floor = Floor, WarmupSteps = WarmupSteps, Shape = Enum.Parse<ScheduleShape>(ScheduleName, ignoreCase: true) },
            Optimizer = OptimizerName == "sgd"
                ? parameters => new Sgd(parameters) { Momentum = Momentum, WeightDecay = WeightDecay }
                : parameters => new AdamW(parameters) { Beta1 = Beta1, Beta2 = Beta2, WeightDecay = WeightDecay },
            MaxGradientNorm = MaxGradientNorm,
            AverageDecay = AverageDecay,
            EvaluateEvery = EvaluateEvery,
            Patience = Patience,
            MinImprovement = MinImprovement,
            KeepBest = KeepBest,
            SaveEvery = SaveEvery,
            LogEvery = (int)Math.Max(1, steps / 2000),
            Identity = Source,
        };
    }

    /// <summary>An error at a key of the recipe.</summary>
    internal MerganserException Error(string key, string message) => _root.Error(key, message);

    private string? PathOf(string key) => _root.Text(key) is { } path ? Path.Combine(_folder, path) : null;
}
