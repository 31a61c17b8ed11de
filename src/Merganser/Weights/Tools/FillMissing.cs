using Merganser.Checkpoints;

namespace Merganser.Weights.Tools;

/// <summary>
/// Completes a model of which only a part was trained or merged (mergekit's <c>fill-missing-params</c>): all files and tensors of a base, with
/// the tensors that the part has in the place of the base's. For example a vision-language model whose language part was merged.
/// </summary>
/// <remarks>
/// The part's names may lack one component in front (<c>language_model.</c>): the prefix under which most of its tensors are found is
/// used. Tensors of another shape stay the base's, with a warning. Everything is copied by byte ranges.
/// </remarks>
public static class FillMissing
{
    /// <summary>Weight files: those of the base are not copied, its tensors are.</summary>
    private static readonly string[] WeightEndings = [".safetensors", ".bin", ".pt", ".pth", ".gguf", ".index.json", ".msgpack", ".h5", ".onnx"];

    /// <summary>Plans the model. The plan takes over both folders.</summary>
    /// <exception cref="MerganserException">The part is not smaller than the base, or they have no tensor in common.</exception>
    public static MergePlan Plan(ModelFolder baseModel, ModelFolder part)
    {
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(part);
        IReadOnlyDictionary<string, TensorSource> all = baseModel.Weights.Tensors;
        if (part.Weights.Tensors.Count >= all.Count)
            throw new MerganserException($"{part.Path}: has {part.Weights.Tensors.Count} tensors, the base {baseModel.Path} only {all.Count}; the second model must be the smaller one");
        string prefix = BestPrefix(all, part.Weights.Tensors.Keys)
            ?? throw new MerganserException($"{part.Path}: none of its tensors is in {baseModel.Path}, with or without a prefix");

        var warnings = new List<string>();
        var replacements = new Dictionary<string, TensorSource>(StringComparer.Ordinal);
        foreach ((string name, TensorSource tensor) in part.Weights.Tensors.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            if (!all.TryGetValue(prefix + name, out TensorSource? old))
                warnings.Add($"'{name}' of {part.Path} is not in the base: left out");
            else if (!old.Info.SameShape(tensor.Info))
                warnings.Add($"'{prefix + name}' is {old.Info.ShapeText} in the base and {tensor.Info.ShapeText} in {part.Path}: the base's is kept");
            else
                replacements.Add(prefix + name, tensor);
        }

        if (replacements.Values.FirstOrDefault(tensor => all[prefix + tensor.Info.Name].Info.DType != tensor.Info.DType) is { } odd)
            warnings.Add($"'{odd.Info.Name}' is {odd.Info.DType.TorchName()} in {part.Path}, {all[prefix + odd.Info.Name].Info.DType.TorchName()} in the base: types stay as they are");
        return new MergePlan
        {
            Jobs = [.. all.Values.OrderBy(tensor => tensor.Info.Name, StringComparer.Ordinal).Select(tensor => Job(tensor, replacements.GetValueOrDefault(tensor.Info.Name)))],
            CopiedFiles = Files(baseModel),
            Warnings = warnings,
            Fingerprint = $"fill {ToolFingerprint.Of(baseModel, part)}",
            Inputs = [baseModel, part],
        };
    }

    /// <summary>The component that, put in front, makes most names of the part names of the base; empty when none is needed; null when nothing fits.</summary>
    internal static string? BestPrefix(IReadOnlyDictionary<string, TensorSource> all, IEnumerable<string> names)
    {
        string[] wanted = [.. names];
        string? best = null;
        int bestCount = 0;
        IEnumerable<string> prefixes = all.Keys.Where(name => name.Contains('.', StringComparison.Ordinal)).Select(name => name[..(name.IndexOf('.', StringComparison.Ordinal) + 1)]);
        foreach (string prefix in prefixes.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Prepend(""))
        {
            int count = wanted.Count(name => all.ContainsKey(prefix + name));
            if (count > bestCount)
                (best, bestCount) = (prefix, count);
        }

        return best;
    }

    private static TensorJob Job(TensorSource old, TensorSource? replacement)
    {
        TensorSource source = replacement ?? old;
        return new TensorJob(new TensorInfo(old.Info.Name, source.Info.DType, source.Info.Shape), [source]);
    }

    private static Dictionary<string, string> Files(ModelFolder model)
    {
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!Directory.Exists(model.Path))
            return files;
        foreach (string file in Directory.EnumerateFiles(model.Path).Order(StringComparer.Ordinal))
        {
            if (!WeightEndings.Any(ending => file.EndsWith(ending, StringComparison.OrdinalIgnoreCase)))
                files.Add(file, Path.GetFileName(file));
        }

        return files;
    }
}
