using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Weights.Execution;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>A recipe with its model and data in memory, ready to run into a folder.</summary>
public sealed class TrainingRun : IDisposable
{
    private const string StateFile = "state.safetensors";

    private readonly TrainingRecipe _recipe;
    private readonly PretrainedModel _model;
    private readonly TrainingTask _task;
    private readonly LoraAdapters? _adapters;

    /// <summary>Loads what a recipe names.</summary>
    /// <exception cref="MerganserException">The model, its tokenizer or the data cannot be used.</exception>
    public TrainingRun(TrainingRecipe recipe, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        _recipe = recipe;
        var data = new RecipeData(recipe);
        (_model, bool hasNewParts) = RecipeModel.Open(recipe, data, device ?? CPU);
        try
        {
            _task = data.TaskFor(_model);
            Options = recipe.Options(_task.Count);
            if (recipe.Lora is not { } lora)
                return;
            if (hasNewParts && !recipe.LoraIsMerged)
                throw recipe.Error("lora", $"{recipe.Model} lacks a part of the model that is trained, so an adapter alone could not be merged with it; 'merge: true' stores the whole model");
            _adapters = LoraAdapters.Attach(_model, lora, (ulong)recipe.Seed, name => ClassifierHead.Owns(name) || (hasNewParts && ClassifierHead.MayLack(name)));
            if (lora.Dropout > 0)
                _task = new LoraTask(_task, _adapters);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How the run will go.</summary>
    public TrainerOptions Options { get; }

    /// <summary>What will be done, in lines.</summary>
    public string Description
    {
        get
        {
            long trained = _adapters is null ? Chosen().Sum(name => _model.Parameters[name].Value.numel()) : Adapted().Sum(tensor => tensor.Value.numel());
            string adapter = _adapters is null ? "" : FormattableString.Invariant($", LoRA of rank {_adapters.Options.Rank} on {string.Join(", ", _adapters.Options.Targets)}");
            return FormattableString.Invariant(
                $"{_model.GetType().Name}, {trained:N0} of {_model.Parameters.Count:N0} parameters trained{adapter}, in {(_model.DType == ScalarType.BFloat16 ? "bfloat16 with float32 masters" : "float32")}\n{_task.Count:N0} examples ({_task.Unit}), {Options.Steps} steps of {Options.BatchSize} x {Options.Accumulation}, {_recipe.OptimizerName}, learning rate {_recipe.LearningRate} {_recipe.ScheduleName}");
        }
    }

    /// <summary>
    /// Trains and writes the folder: the model and its tokenizer, or the adapter in PEFT's format; <c>training.csv</c>, <c>training.svg</c>.
    /// It appears under its name when it is whole.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="overwrite">Replace it if it is there.</param>
    /// <param name="resume">Go on with an interrupted run of the same recipe.</param>
    /// <param name="progress">Told of every row of the log.</param>
    /// <param name="cancellation">Saves the state and stops.</param>
    public TrainingReport Run(string folder, bool overwrite = false, bool resume = false, IProgress<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        StagingFolder staging = StagingFolder.Create(folder, overwrite, _ => resume);
        RemoveUnfinished(staging.Path);
        TrainingReport report;
        using (var trainer = new Trainer(_task, Trained(), Options with { StatePath = Path.Join(staging.Path, StateFile) }))
            report = trainer.Run(progress, cancellation);
        try
        {
            Write(staging.Path);
            File.WriteAllText(Path.Join(staging.Path, "training.csv"), report.Log.ToCsv());
            File.WriteAllText(Path.Join(staging.Path, "training.svg"), report.Log.ToSvg(Path.GetFileName(staging.Target)));
            File.Delete(Path.Join(staging.Path, StateFile)); // Last: until here a run that is cut off can go on.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{folder}: cannot be written: {e.Message}", e);
        }

        staging.Commit();
        return report;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _adapters?.Dispose();
        _model.Dispose();
    }

    /// <summary>A run that was killed while it saved its state has left a part of a file.</summary>
    private static void RemoveUnfinished(string folder)
    {
        try
        {
            foreach (string part in Directory.EnumerateFiles(folder, StateFile + ".*.part"))
                File.Delete(part);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{folder}: cannot be written: {e.Message}", e);
        }
    }

    private bool IsFrozen(string name) => _recipe.Freeze.Any(part => name.Contains(part, StringComparison.Ordinal));

    private IEnumerable<string> Chosen() => _model.Parameters.All.Where(parameter => parameter.IsPresent && !parameter.IsTied && !IsFrozen(parameter.Name)).Select(parameter => parameter.Name);

    private IEnumerable<(string Name, Tensor Value)> Adapted() => _adapters!.Tensors.Where(tensor => !IsFrozen(tensor.Name));

    private IReadOnlyList<TrainedParameter> Trained()
    {
        if (_adapters is not null)
            return [.. Adapted().Select(tensor => new TrainedParameter(tensor.Name, tensor.Value))];
        HashSet<string> chosen = [.. Chosen()];
        return TrainedParameter.Of(_model, chosen.Contains);
    }

    private void Write(string folder)
    {
        if (_adapters is not null && !_recipe.LoraIsMerged)
        {
            LoraWriter.WriteFiles(_adapters, folder, _recipe.ModelName);
            return;
        }

        _adapters?.Merge();
        string made = Path.Join(folder, "model");
        _model.Save(made, new SaveOptions { Overwrite = true });
        CopyTokenizer(made);
        foreach (string file in Directory.GetFiles(made))
            File.Move(file, Path.Join(folder, Path.GetFileName(file)), overwrite: true);
        Directory.Delete(made);
    }

    /// <summary>A new model has no side files of its own: the tokenizer that it was trained with goes along.</summary>
    private void CopyTokenizer(string folder)
    {
        string? source = _recipe.Tokenizer ?? (File.Exists(_recipe.Model) ? Path.GetDirectoryName(_recipe.Model) : null);
        foreach (string name in ModelFolder.TokenizerFileNames)
        {
            if (source is not null && _task.Unit != "images" && File.Exists(Path.Join(source, name)))
                File.Copy(Path.Join(source, name), Path.Join(folder, name), overwrite: true);
        }
    }
}
