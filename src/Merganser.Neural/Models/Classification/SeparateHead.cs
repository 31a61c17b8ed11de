using Merganser.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Classification;

/// <summary>
/// A linear classifier that lies in a file of its own, as <c>NAME.weight</c> [classes, width] and <c>NAME.bias</c> [classes], and stands on
/// the class token after the final norm: models that were fine-tuned with frozen heads, so that they can be merged, keep theirs apart.
/// </summary>
public sealed class SeparateHead : IDisposable
{
    private readonly string _path;
    private readonly Tensor _weight;
    private readonly Tensor? _bias;

    private SeparateHead(string path, string name, Tensor weight, Tensor? bias) => (_path, Name, _weight, _bias) = (path, name, weight, bias);

    /// <summary>What the head is called in the file.</summary>
    public string Name { get; }

    /// <summary>The number of classes.</summary>
    public int Classes => (int)_weight.shape[0];

    /// <summary>Reads a head.</summary>
    /// <param name="path">A safetensors file; behind a colon the name, which may be left out if the file holds one head.</param>
    /// <exception cref="MerganserException">The file cannot be read, has no head of that name or several to choose from, or its shapes do not fit each other.</exception>
    public static SeparateHead Load(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string? wanted = null;
        if (!File.Exists(path) && path.LastIndexOf(':') is var colon and > 0)
            (path, wanted) = (path[..colon], path[(colon + 1)..]);
        using Checkpoint checkpoint = CheckpointReader.Open(path);
        string[] names = [.. checkpoint.Tensors.Keys.Where(name => name.EndsWith(".weight", StringComparison.Ordinal)).Select(name => name[..^".weight".Length]).Order(StringComparer.Ordinal)];
        string all = string.Join(", ", names);
        string chosen = wanted is not null
            ? names.Contains(wanted) ? wanted : throw new MerganserException($"{path}: holds no head '{wanted}'; there are {all}")
            : names.Length == 1 ? names[0] : throw new MerganserException(names.Length == 0 ? $"{path}: holds no NAME.weight" : $"{path}: holds several heads: put :NAME behind it, one of {all}");
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = ParameterLoader.Read(checkpoint.Tensors[chosen + ".weight"]).to(ScalarType.Float32);
        Tensor? bias = checkpoint.Tensors.TryGetValue(chosen + ".bias", out TensorSource? source) ? ParameterLoader.Read(source).to(ScalarType.Float32) : null;
        if (weight.dim() != 2 || weight.shape[0] < 1 || (bias is not null && (bias.dim() != 1 || bias.shape[0] != weight.shape[0])))
            throw new MerganserException($"{path}: '{chosen}' is no linear classifier: the weight must be [classes, width] and the bias [classes]");
        scope.Detach(weight);
        if (bias is not null)
            scope.Detach(bias);
        return new SeparateHead(path, chosen, weight, bias);
    }

    /// <summary>The scores [B, classes] of features [B, width], in float32.</summary>
    /// <exception cref="MerganserException">The features have another width.</exception>
    public Tensor Scores(Tensor features)
    {
        ArgumentNullException.ThrowIfNull(features);
        if (features.shape[^1] != _weight.shape[1])
            throw new MerganserException($"{_path}: head '{Name}' is for features of width {_weight.shape[1]}; the model's have {features.shape[^1]}");
        return nn.functional.linear(features.to(ScalarType.Float32), _weight.to(features.device), _bias?.to(features.device));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _weight.Dispose();
        _bias?.Dispose();
    }
}
