using Merganser.Checkpoints;
using Merganser.Neural.Models;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>The model that a recipe begins with: a folder's or a new one, with a new classifier where the recipe or the data ask for one.</summary>
internal static class RecipeModel
{
    /// <summary>Loads or makes it; says whether a part of it was drawn anew.</summary>
    public static (PretrainedModel Model, bool HasNewParts) Open(TrainingRecipe recipe, RecipeData data, Device device)
    {
        var options = new ModelOptions { Device = device, DType = recipe.Type == "auto" ? TorchRuntime.FastTrainingType(device) : TorchRuntime.ParseType(recipe.Type), Trainable = true };
        if (!Directory.Exists(recipe.Model))
        {
            ModelConfig own = ModelConfig.ReadFile(recipe.Model);
            return (PretrainedModel.CreateNew(WithLabels(own, recipe, data, recipe.Model) ?? own, recipe.Seed, options), true);
        }

        using ModelFolder files = ModelFolder.Open(recipe.Model);
        ModelConfig config = ModelConfig.Of(files);
        if (WithLabels(config, recipe, data, Path.Join(recipe.Model, "config.json")) is not { } changed)
            return (PretrainedModel.Load(recipe.Model, options), false);
        (PretrainedModel model, IReadOnlyList<ModelParameter> drawn) = PretrainedModel.LoadChanged(files, changed, recipe.Seed, options, ClassifierHead.Owns, ClassifierHead.MayLack);
        return (model, drawn.Count > 0);
    }

    /// <summary>The configuration with other classes; null where the model keeps the head that it has.</summary>
    private static ModelConfig? WithLabels(ModelConfig config, TrainingRecipe recipe, RecipeData data, string path)
    {
        string own = ModelRegistry.NameOf(config);
        if (ClassifierHead.ArchitectureFor(own) is not { } wanted)
            return recipe.Labels.Count == 0 ? null : throw recipe.Error("labels", $"'labels' are for classifiers; {own} cannot be given one");
        if (recipe.Labels.Count == 0 && wanted == own)
            return null;
        IReadOnlyList<string> labels = recipe.Labels is [] or ["data"] ? data.Labels(ClassifierHead.IsForImages(wanted)) : recipe.Labels;
        if (labels.Distinct(StringComparer.Ordinal).Count() != labels.Count)
            throw recipe.Error("labels", "'labels' has a name twice");
        return wanted == own && labels.SequenceEqual(ClassLabels.Read(config), StringComparer.Ordinal) ? null : ClassifierHead.Configure(config, wanted, labels, path);
    }
}
