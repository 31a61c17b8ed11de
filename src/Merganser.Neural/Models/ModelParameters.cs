using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>All parameters of a model, in the order in which its layers declared them.</summary>
public sealed class ModelParameters : IDisposable
{
    private readonly List<ModelParameter> _all = [];
    private readonly Dictionary<string, ModelParameter> _byName = new(StringComparer.Ordinal);

    internal ModelParameters(ModelOptions options) => Options = options;

    /// <summary>Device and type.</summary>
    public ModelOptions Options { get; private set; }

    /// <summary>All, in order.</summary>
    public IReadOnlyList<ModelParameter> All => _all;

    /// <summary>The parameter of a name.</summary>
    public ModelParameter this[string name] => _byName[name];

    /// <summary>The number of elements, tied ones once.</summary>
    public long Count => _all.Where(parameter => parameter.IsPresent && !parameter.IsTied).Sum(parameter => parameter.Value.numel());

    /// <summary>The parameter of a name, if there is one.</summary>
    public ModelParameter? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Declares a parameter.</summary>
    internal ModelParameter Add(string name, ReadOnlySpan<long> shape, Initialization initialization = Initialization.Normal, ModelParameter? tiedTo = null, bool optional = false, bool startsTied = true)
    {
        var parameter = new ModelParameter(name, [.. shape], initialization) { TiedTo = tiedTo, IsOptional = optional, StartsTied = startsTied };
        _byName.Add(name, parameter);
        _all.Add(parameter);
        return parameter;
    }

    /// <summary>Gives every parameter, or those of a list, a fresh value drawn from the seed; the same on all devices and for all types.</summary>
    internal void Initialize(long seed, double deviation, IReadOnlyList<ModelParameter>? which = null)
    {
        using Generator generator = new((ulong)seed, CPU);
        foreach (ModelParameter parameter in which ?? _all)
        {
            if (parameter.TiedTo is not null && parameter.StartsTied)
                continue;
            using DisposeScope scope = NewDisposeScope();
            Tensor value = parameter.Initialization switch
            {
                Initialization.Zeros => zeros(parameter.Shape.AsSpan()),
                Initialization.Ones => ones(parameter.Shape.AsSpan()),
                _ => randn(parameter.Shape.AsSpan(), generator: generator).mul_(deviation),
            };
            Set(parameter, value);
        }
    }

    /// <summary>Puts a value of any type and device in place, cast and moved.</summary>
    internal void Set(ModelParameter parameter, Tensor value)
    {
        using (no_grad())
        using (DisposeScope scope = NewDisposeScope())
        {
            parameter.Set(value.to(Options.DType, Options.Device).detach());
        }

        parameter.Value.requires_grad_(Options.Trainable);
    }

    /// <summary>Casts or moves all parameters.</summary>
    internal void To(ModelOptions options)
    {
        Options = options;
        foreach (ModelParameter parameter in _all)
        {
            if (!parameter.IsPresent || parameter.IsTied)
                continue;
            Set(parameter, parameter.Value);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ModelParameter parameter in _all)
            parameter.Set(null);
    }
}
