using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>
/// A tensor that is trained. Updates go to <see cref="Master"/>, float32: the tensor itself, or a copy of it when the model computes in a
/// narrower type; then the tensor is rounded from the copy after each step.
/// </summary>
public sealed class TrainedParameter : IDisposable
{
    private readonly bool _ownsMaster;
    private Tensor? _sum;

    /// <summary>Takes a leaf tensor that the caller keeps alive.</summary>
    /// <param name="name">The name in checkpoints of the run.</param>
    /// <param name="value">A floating-point tensor without history; it is told to want gradients.</param>
    /// <param name="decays">Whether weight decay applies; null: to tensors with two or more axes.</param>
    public TrainedParameter(string name, Tensor value, bool? decays = null)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!value.is_floating_point() || !value.is_leaf)
            throw new ArgumentException($"'{name}' must be a floating-point tensor without history", nameof(value));
        (Name, Value, Decays) = (name, value, decays ?? value.dim() > 1);
        value.requires_grad_(true);
        _ownsMaster = value.dtype != ScalarType.Float32;
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Master = _ownsMaster ? value.detach().to(ScalarType.Float32).DetachFromDisposeScope() : value;
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>What the model computes with.</summary>
    public Tensor Value { get; }

    /// <summary>Whether weight decay applies.</summary>
    public bool Decays { get; }

    /// <summary>The float32 values that updates go to.</summary>
    public Tensor Master { get; }

    /// <summary>The number of elements.</summary>
    public long Count => Master.numel();

    /// <summary>The parameters of a model, tied ones once; those that are not chosen are frozen.</summary>
    /// <param name="model">The model; it is made trainable.</param>
    /// <param name="which">Chooses by name; all if left out.</param>
    public static IReadOnlyList<TrainedParameter> Of(PretrainedModel model, Func<string, bool>? which = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (!model.Parameters.Options.Trainable)
            model.To(model.Parameters.Options with { Trainable = true });
        var chosen = new List<TrainedParameter>();
        foreach (ModelParameter parameter in model.Parameters.All)
        {
            if (!parameter.IsPresent || parameter.IsTied)
                continue;
            if (which?.Invoke(parameter.Name) ?? true)
                chosen.Add(new TrainedParameter(parameter.Name, parameter.Value));
            else
                parameter.Value.requires_grad_(false);
        }

        return chosen;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ClearGradient();
        if (_ownsMaster)
            Master.Dispose();
    }

    /// <summary>The gradient in float32, in the caller's scope; null where nothing flowed back.</summary>
    internal Tensor? Gradient() => _sum ?? Value.grad?.contiguous();

    /// <summary>Narrow gradients are summed in float32 after each part of a batch; float32 ones autograd adds up by itself.</summary>
    internal void CollectGradient()
    {
        if (!_ownsMaster || Value.grad is not { } grad)
            return;
        if (_sum is null)
            _sum = grad.to(ScalarType.Float32).contiguous().DetachFromDisposeScope();
        else
            _sum.add_(grad);
        Value.grad = null;
    }

    internal void ClearGradient()
    {
        _sum?.Dispose();
        _sum = null;
        Value.grad = null;
    }

    /// <summary>Rounds the tensor from its master.</summary>
    internal void Publish()
    {
        if (!_ownsMaster)
            return;
        using IDisposable quiet = no_grad();
        Value.copy_(Master);
    }
}
