using Merganser.Checkpoints;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// A network whose parameters carry the names of its published checkpoints. An architecture declares its parameters in its constructor,
/// says in <see cref="Names"/> which other names files use, and computes; reading, checking, casting and writing are here.
/// </summary>
public abstract class PretrainedModel : IDisposable
{
    private IReadOnlyList<string> _sideFiles = [];

    /// <summary>Makes a model without values.</summary>
    protected PretrainedModel(ModelConfig config, ModelOptions options)
    {
        TorchRuntime.Require();
        Config = config;
        Parameters = new ModelParameters(options);
    }

    /// <summary>config.json.</summary>
    public ModelConfig Config { get; }

    /// <summary>The parameters.</summary>
    public ModelParameters Parameters { get; }

    /// <summary>The folder that the model was loaded from; null for a new one.</summary>
    public string? Source { get; private set; }

    /// <summary>Where the parameters are.</summary>
    public Device Device => Parameters.Options.Device;

    /// <summary>The type of parameters and hidden states.</summary>
    public ScalarType DType => Parameters.Options.DType;

    /// <summary>Other names that files use, and tensors that are left out.</summary>
    protected abstract WeightMap Names { get; }

    /// <summary>The standard deviation of new weights.</summary>
    protected virtual double InitializerRange => Config.Number("initializer_range", 0.02);

    /// <summary>Opens a Hugging Face folder: the architecture that config.json names, with the folder's weights.</summary>
    /// <exception cref="MerganserException">Unknown architecture, a wrong value in config.json, missing or unexpected tensors, wrong shapes.</exception>
    public static PretrainedModel Load(string folder, ModelOptions? options = null)
    {
        using ModelFolder files = ModelFolder.Open(folder);
        string[] sideFiles = [.. files.SideFiles()];
        PretrainedModel model = ModelRegistry.Create(ModelConfig.Of(files), options ?? ModelOptions.Default);
        Filled(model, files.Weights);
        (model.Source, model._sideFiles) = (files.Path, sideFiles);
        return model;
    }

    /// <summary>Opens a folder whose model must be of a kind.</summary>
    /// <exception cref="MerganserException">The folder holds another kind of model.</exception>
    public static T Load<T>(string folder, ModelOptions? options = null)
        where T : PretrainedModel
    {
        PretrainedModel model = Load(folder, options);
        if (model is T wanted)
            return wanted;
        model.Dispose();
        throw new MerganserException($"{folder}: {model.GetType().Name} is not a {typeof(T).Name}, which is needed here");
    }

    /// <summary>A new model of the architecture that a configuration names, with values drawn from a seed.</summary>
    public static PretrainedModel CreateNew(ModelConfig config, long seed, ModelOptions? options = null)
    {
        PretrainedModel model = ModelRegistry.Create(config, options ?? ModelOptions.Default);
        model.Parameters.Initialize(seed, model.InitializerRange);
        return model;
    }

    /// <summary>A model of a changed configuration with the weights of a folder; what is new, and what may be and is missing, is drawn from the seed and returned.</summary>
    internal static (PretrainedModel Model, IReadOnlyList<ModelParameter> Drawn) LoadChanged(
        ModelFolder files, ModelConfig config, long seed, ModelOptions options, Func<string, bool> isNew, Func<string, bool> mayLack)
    {
        PretrainedModel model = ModelRegistry.Create(config, options);
        try
        {
            IReadOnlyList<ModelParameter> drawn = ParameterLoader.Load(model.Parameters, model.Names, files.Weights, isNew, mayLack);
            model.Parameters.Initialize(seed, model.InitializerRange, drawn);
            (model.Source, model._sideFiles) = (files.Path, [.. files.SideFiles()]);
            return (model, drawn);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>A model of a configuration with the weights of an open checkpoint.</summary>
    internal static PretrainedModel Load(ModelConfig config, Checkpoint weights, ModelOptions options) => Filled(ModelRegistry.Create(config, options), weights);

    /// <summary>
    /// Writes a Hugging Face folder: config.json, <c>model.safetensors</c> or numbered shards with their index, and the tokenizer and
    /// other side files of <see cref="Source"/>. The folder appears under its name when it is whole.
    /// </summary>
    /// <exception cref="MerganserException">The folder exists and may not be replaced, the disk is full, or a side file is gone.</exception>
    /// <exception cref="ArgumentException">The type to be stored is no floating-point type.</exception>
    public void Save(string folder, SaveOptions? options = null) => ModelWriter.Write(this, folder, _sideFiles, options ?? SaveOptions.Default);

    /// <summary>Casts or moves the parameters.</summary>
    public void To(ModelOptions options) => Parameters.To(options);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Lets go of the parameters.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
            Parameters.Dispose();
    }

    private static PretrainedModel Filled(PretrainedModel model, Checkpoint weights)
    {
        try
        {
            ParameterLoader.Load(model.Parameters, model.Names, weights);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }
}
