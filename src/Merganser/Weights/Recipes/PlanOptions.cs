using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>What happens when a model lacks a tensor that the architecture needs.</summary>
public enum MissingTensorPolicy
{
    /// <summary>The plan fails and names all missing tensors.</summary>
    Error,

    /// <summary>The tensor is merged without that model.</summary>
    SkipModel,

    /// <summary>The tensor is copied from the base.</summary>
    CopyBase,

    /// <summary>The tensor is copied from the first model that has it.</summary>
    CopyFirst,
}

/// <summary>What happens when embeddings or output heads have different shapes.</summary>
public enum EmbeddingMismatchPolicy
{
    /// <summary>The rows and columns that all have are merged; task-vector methods cut the models to the base's shape.</summary>
    CommonSubmatrix,

    /// <summary>The plan fails.</summary>
    Error,

    /// <summary>Every model gets the base's shape: further rows are cut, missing ones are the base's.</summary>
    PadBase,
}

/// <summary>Gives the tensors that an adapter changes or adds; what must be closed with the plan goes to <paramref name="owned"/>.</summary>
/// <param name="model">The model below the adapter.</param>
/// <param name="adapterFolder">The adapter's folder.</param>
/// <param name="owned">Receives opened files.</param>
public delegate IReadOnlyDictionary<string, TensorSource> AdapterOverlay(ModelFolder model, string adapterFolder, List<IDisposable> owned);

/// <summary>How a recipe is made into a plan.</summary>
public sealed record PlanOptions
{
    /// <summary>The folder that relative model paths begin at; null for the current one. What is not there is looked for beside the recipe.</summary>
    public string? WorkingFolder { get; init; }

    /// <summary>True to compute in the stored or requested type and to restore mergekit's deviations.</summary>
    public bool StrictMergekit { get; init; }

    /// <summary>True to merge models of different architectures; the first model's definition counts.</summary>
    public bool AllowDifferentArchitectures { get; init; }

    /// <summary>For tensors that a model lacks.</summary>
    public MissingTensorPolicy OnMissing { get; init; } = MissingTensorPolicy.Error;

    /// <summary>For embeddings of different shapes.</summary>
    public EmbeddingMismatchPolicy EmbedMismatch { get; init; } = EmbeddingMismatchPolicy.CommonSubmatrix;

    /// <summary>The position in gradients of the tensors after the layers; mergekit uses 0, the first value.</summary>
    public double PostPosition { get; init; }

    /// <summary>The seed of random methods.</summary>
    public ulong Seed { get; init; }

    /// <summary>False to leave out tokenizer files.</summary>
    public bool CopyTokenizer { get; init; } = true;

    /// <summary>False to leave out README.md and mergekit_config.yml.</summary>
    public bool WriteModelCard { get; init; } = true;

    /// <summary>The title of the model card: the output folder's name.</summary>
    public string Title { get; init; } = "merged";

    /// <summary>Applies adapters.</summary>
    public AdapterOverlay? ApplyAdapter { get; init; }

    /// <summary>Masks that replace selection, for tests; see <see cref="TensorContext.InjectedMask"/>.</summary>
    public Func<string, int, byte[]?>? InjectedMask { get; init; }

    /// <summary>Receives warnings of the methods while they run.</summary>
    public Action<string>? Warn { get; init; }
}
