using Merganser.Checkpoints.Architectures;

namespace Merganser.Checkpoints.Analysis;

/// <summary>The share of one element type in a checkpoint.</summary>
/// <param name="Name">The name in safetensors files.</param>
/// <param name="Tensors">The number of tensors.</param>
/// <param name="Share">The share of the elements.</param>
public sealed record TypeShare(string Name, int Tensors, double Share);

/// <summary>What can be said of a checkpoint from its headers and its configuration.</summary>
/// <param name="Path">The folder or file.</param>
/// <param name="Architecture">The name, and whether the tables know it.</param>
/// <param name="Layers">The number of layers, for several modules of each.</param>
/// <param name="Parameters">The elements of floating-point tensors.</param>
/// <param name="Tensors">The number of tensors.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Types">The element types, most elements first.</param>
/// <param name="Files">The files and their lengths.</param>
/// <param name="Tied">Whether the output head is a tensor of its own.</param>
/// <param name="SideFiles">Tokenizer and other files beside the weights.</param>
public sealed record CheckpointFacts(
    string Path, string Architecture, string Layers, long Parameters, int Tensors, long Bytes, IReadOnlyList<TypeShare> Types, IReadOnlyList<(string Name, long Bytes)> Files, string Tied,
    IReadOnlyList<string> SideFiles)
{
    /// <summary>Collects the facts; reads no tensor.</summary>
    public static CheckpointFacts Of(ModelFolder model)
    {
        ArgumentNullException.ThrowIfNull(model);
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        TensorInfo[] tensors = [.. model.Weights.Tensors.Values.Select(tensor => tensor.Info)];
        long elements = Math.Max(tensors.Sum(tensor => tensor.ElementCount), 1);
        bool known = ArchitectureCatalog.KnownNames.Contains(architecture.Name, StringComparer.Ordinal);
        string type = model.ModelType is { } modelType ? $" ({modelType})" : "";
        return new CheckpointFacts(
            model.Path,
            known ? architecture.Name + type : $"{architecture.Name}{type}, inferred from the names",
            string.Join(", ", architecture.Modules.Where(module => !module.Layer.IsEmpty).Select(module => architecture.Modules.Length == 1 ? CountLayers(module, model) : $"{module.Name} {CountLayers(module, model)}")) is { Length: > 0 } layers ? layers : "none",
            tensors.Where(tensor => tensor.DType.IsFloat()).Sum(tensor => tensor.ElementCount),
            tensors.Length,
            tensors.Sum(tensor => tensor.ByteCount),
            [.. tensors.GroupBy(tensor => tensor.DType).Select(group => new TypeShare(group.Key.SafetensorsName(), group.Count(), group.Sum(tensor => tensor.ElementCount) / (double)elements)).OrderByDescending(share => share.Share)],
            [.. model.Weights.Files.Select(file => (System.IO.Path.GetFileName(file.Path), file.Length))],
            DescribeHead(architecture, model),
            [.. model.SideFiles(architecture.ExtraFiles).Select(file => System.IO.Path.GetFileName(file))]);
    }

    /// <summary>An unfinished checkpoint is worth looking at too, so that a wrong count is told, not thrown.</summary>
    private static string CountLayers(ArchitectureModule module, ModelFolder model)
    {
        int present = WeightLookup.PresentLayers(module, model);
        int? promised = model.GetConfigInt(module.LayerCountKey);
        return promised is { } count && count != present ? $"{present} (config.json says {count})" : $"{present}";
    }

    private static string DescribeHead(Architecture architecture, ModelFolder model)
    {
        if (architecture.Modules.SelectMany(module => module.Post).FirstOrDefault(weight => !weight.TiedNames.IsEmpty && weight.Find(model, includeTied: false) is not null) is { } head)
            return model.GetConfigBool("tie_word_embeddings") == true ? $"{head.Name} is stored although the configuration says it is tied" : $"{head.Name} is a tensor of its own";
        if (model.GetConfigBool("tie_word_embeddings") == true)
            return "tied to the embedding";
        return architecture.Modules.SelectMany(module => module.Post).Any(weight => WeightRoles.IsOutputHead(weight.Name)) ? "a tensor of its own" : "none stored";
    }
}
