using System.Globalization;
using System.Text;
using Merganser.Weights.Recipes;

namespace Merganser.Neural.Training;

/// <summary>What a training recipe says: model, data and settings, one flat YAML mapping. Errors name line and column, and the nearest key.</summary>
public sealed class TrainingRecipe
{
    private static readonly string[] Keys =
    [
        "model", "tokenizer", "train", "evaluate", "text_field", "label_field", "context", "steps", "epochs", "batch_size", "accumulation", "seed", "optimizer",
        "learning_rate", "schedule", "warmup_steps", "floor", "weight_decay", "beta1", "beta2", "momentum", "max_grad_norm", "average_decay", "evaluate_every",
        "patience", "min_improvement", "keep_best", "save_every", "dtype", "label_smoothing", "freeze",
    ];

    private readonly YamlMapping _root;
    private readonly string _folder;

    private TrainingRecipe(YamlMapping root, string file, string text)
    {
        _root = root;
        _folder = Path.GetDirectoryName(Path.GetFullPath(file))!;
        Source = text;
        foreach ((YamlScalar key, _) in root.Entries)
        {
            if (!Keys.Contains(key.Value, StringComparer.Ordinal))
                throw key.Position.Error($"the key {NearestName.Quote(key.Value)} is unknown{NearestName.Hint(key.Value, Keys)}");
        }

        Model = PathOf("model") ?? throw root.Position.Error("'model' is missing: a model folder, or a config.json for a new model");
        Train = PathOf("train") ?? throw root.Position.Error("'train' is missing: the file or folder to learn");
        (Evaluate, Tokenizer) = (PathOf("evaluate"), PathOf("tokenizer"));
        (TextField, LabelField) = (Text("text_field", "text"), Text("label_field", "label"));
        Context = Whole("context", 128, 1);
        (Steps, Epochs) = (Whole("steps", 0, 0), Number("epochs", 1, 0));
        (BatchSize, Accumulation, Seed) = (Whole("batch_size", 16, 1), Whole("accumulation", 1, 1), Whole("seed", 0, 0));
        (OptimizerName, LearningRate) = (Choice("optimizer", "adamw", "adamw", "sgd"), Number("learning_rate", 1e-3, 0));
        (ScheduleName, WarmupSteps, Floor) = (Choice("schedule", "cosine", "constant", "linear", "cosine"), Whole("warmup_steps", 0, 0), Number("floor", 0, 0, 1));
        (WeightDecay, Beta1, Beta2, Momentum) = (Number("weight_decay", 0.01, 0), Number("beta1", 0.9, 0, 0.999999), Number("beta2", 0.999, 0, 0.9999999), Number("momentum", 0.9, 0, 0.999999));
        (MaxGradientNorm, AverageDecay) = (Number("max_grad_norm", 1, 0), Number("average_decay", 0, 0, 0.9999999));
        (EvaluateEvery, Patience, MinImprovement, SaveEvery) = (Whole("evaluate_every", 0, 0), Whole("patience", 0, 0), Number("min_improvement", 0, 0), Whole("save_every", 100, 0));
        KeepBest = Choice("keep_best", Patience > 0 ? "true" : "false", "true", "false") == "true";
        Type = Choice("dtype", "float32", "float32", "bfloat16");
        LabelSmoothing = Number("label_smoothing", 0, 0, 0.999);
        Freeze = Texts("freeze");
    }

    /// <summary>A model folder, or the path of a config.json.</summary>
    public string Model { get; }

    /// <summary>What is learned.</summary>
    public string Train { get; }

    /// <summary>What is measured on; null for nothing.</summary>
    public string? Evaluate { get; }

    /// <summary>The folder of the tokenizer; null: the model's.</summary>
    public string? Tokenizer { get; }

    internal string Source { get; }

    internal string TextField { get; }

    internal string LabelField { get; }

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
            throw _root.Position.Error($"the run would have {steps} steps; set 'steps' or 'epochs'");
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

    private YamlScalar? Scalar(string key) => _root.Find(key) switch
    {
        null => null,
        YamlScalar scalar => scalar,
        { } other => throw other.Position.Error($"'{key}' is {other.Kind}; expected one value"),
    };

    private string? PathOf(string key) => Scalar(key) is { } scalar ? Path.Combine(_folder, scalar.Value) : null;

    private string Text(string key, string otherwise) => Scalar(key)?.Value ?? otherwise;

    private List<string> Texts(string key) => _root.Find(key) switch
    {
        null => [],
        YamlSequence list => [.. list.Items.Select(item => item is YamlScalar word ? word.Value : throw item.Position.Error($"'{key}' is a list of words"))],
        { } other => throw other.Position.Error($"'{key}' is {other.Kind}; expected a list of words"),
    };

    private string Choice(string key, string otherwise, params string[] allowed) => Scalar(key) is not { } scalar ? otherwise
        : allowed.Contains(scalar.Value, StringComparer.Ordinal) ? scalar.Value
        : throw scalar.Position.Error($"'{key}' is {scalar.Kind}{NearestName.Hint(scalar.Value, allowed)}");

    private int Whole(string key, int otherwise, int least) => Scalar(key) is not { } scalar ? otherwise
        : int.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number >= least ? number
        : throw scalar.Position.Error($"'{key}' is {scalar.Kind}; expected a whole number of at least {least}");

    private double Number(string key, double otherwise, double least, double most = double.MaxValue) => Scalar(key) is not { } scalar ? otherwise
        : double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number >= least && number <= most ? number
        : throw scalar.Position.Error(string.Create(CultureInfo.InvariantCulture, $"'{key}' is {scalar.Kind}; expected a number of at least {least}{(most < double.MaxValue ? $" and at most {most}" : "")}"));
}
