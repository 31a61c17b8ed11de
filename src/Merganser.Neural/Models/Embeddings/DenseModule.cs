using Merganser.Checkpoints;
using Merganser.Neural.Models.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Embeddings;

/// <summary>A linear layer with an activation behind the pooling, in a folder of its own: <c>linear.weight</c>, <c>linear.bias</c>.</summary>
internal sealed class DenseModule : IDisposable
{
    private readonly Tensor _weight;
    private readonly Tensor? _bias;
    private readonly Func<Tensor, Tensor> _activation;
    private readonly string _folder;

    private DenseModule(string folder, Tensor weight, Tensor? bias, Func<Tensor, Tensor> activation) => (_folder, _weight, _bias, _activation) = (folder, weight, bias, activation);

    public static DenseModule Load(string folder)
    {
        ModelConfig config = ModelConfig.ReadFile(Path.Join(folder, "config.json"));
        string name = config.Text("activation_function", "torch.nn.modules.activation.Tanh").Split('.')[^1];
        Func<Tensor, Tensor> activation = name == "Identity" ? static x => x
            : Activation.Find(name.ToLowerInvariant()) ?? throw config.Wrong("activation_function", $"Identity or one of {Activation.Names}");
        using Checkpoint checkpoint = CheckpointReader.Open(folder);
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = Read("linear.weight") ?? throw new MerganserException($"{folder}: holds no tensor 'linear.weight'");
        Tensor? bias = Read("linear.bias");
        if (weight.dim() != 2 || (bias is not null && !(bias.dim() == 1 && bias.shape[0] == weight.shape[0])))
            throw new MerganserException($"{folder}: linear.weight must be [outputs, inputs] and linear.bias [outputs]");
        if (config.Flag("bias", bias is not null) != (bias is not null))
            throw config.Wrong("bias", $"{(bias is not null ? "true" : "false")}, as the weights are");
        return new DenseModule(folder, scope.Detach(weight), bias is null ? null : scope.Detach(bias), activation);

        Tensor? Read(string tensor) => checkpoint.Tensors.TryGetValue(tensor, out TensorSource? source) ? ParameterLoader.Read(source).to(ScalarType.Float32) : null;
    }

    public Tensor Forward(Tensor rows)
    {
        if (rows.shape[1] != _weight.shape[1])
            throw new MerganserException($"{_folder}: takes vectors of {_weight.shape[1]} values; those before it have {rows.shape[1]}");
        return _activation(nn.functional.linear(rows, _weight.to(rows.device), _bias?.to(rows.device)));
    }

    public void Dispose()
    {
        _weight.Dispose();
        _bias?.Dispose();
    }
}
