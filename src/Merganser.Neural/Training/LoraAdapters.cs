using Merganser.Neural.Models;
using Merganser.Weights.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>The LoRA adapters of a model (arXiv 2106.09685): put in place, listed for a trainer, added to the weights or stored in PEFT's format.</summary>
public sealed class LoraAdapters : IDisposable
{
    private const string Suffix = ".weight";

    // The projections that the reference library adapts where nothing is said.
    private static readonly string[] UsualTargets = ["q_proj", "v_proj", "query", "value", "c_attn", "query_key_value", "q", "v"];

    private readonly List<ModelParameter> _adapted = [];

    private LoraAdapters(PretrainedModel model, LoraOptions options, ModelParameter[] whole) => (Model, Options, Whole) = (model, options, whole);

    /// <summary>How they were made; the targets are the layers' own names.</summary>
    public LoraOptions Options { get; }

    /// <summary>Names and factors: <c>MODULE.lora_A.weight</c>, <c>MODULE.lora_B.weight</c>; then the parameters that are trained whole.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Tensors =>
    [
        .. _adapted.SelectMany(parameter => ((string, Tensor)[])[($"{Module(parameter)}.lora_A.weight", parameter.Adapter!.A), ($"{Module(parameter)}.lora_B.weight", parameter.Adapter.B)]),
        .. Whole.Select(parameter => (parameter.Name, parameter.Value)),
    ];

    internal PretrainedModel Model { get; }

    /// <summary>Parameters that are trained and stored as they are: a classifier.</summary>
    internal IReadOnlyList<ModelParameter> Whole { get; }

    /// <summary>Weights of layers that are stored as [inputs, outputs].</summary>
    internal bool FanInFanOut => _adapted.Exists(parameter => parameter.Layout == LinearLayout.InputMajor);

    /// <summary>Puts adapters beside the linear layers that the options name; of the model's own parameters only those trained whole want gradients from here on.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">Rank, scale, layers.</param>
    /// <param name="seed">A is drawn from it, uniformly between ±1/√in as the reference library does; B is zeros.</param>
    /// <param name="isWhole">Parameters that are trained whole, by name; none if left out.</param>
    /// <exception cref="ArgumentException">The rank or the dropout is out of range, or the model has adapters.</exception>
    /// <exception cref="MerganserException">A target fits no linear layer.</exception>
    public static LoraAdapters Attach(PretrainedModel model, LoraOptions options, ulong seed, Func<string, bool>? isWhole = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Rank, 1, nameof(options));
        if (options.Dropout is not (>= 0 and < 1))
            throw new ArgumentOutOfRangeException(nameof(options), options.Dropout, "dropout is from 0 to below 1");
        if (model.Parameters.All.Any(parameter => parameter.Adapter is not null))
            throw new ArgumentException("the model has adapters already", nameof(model));
        ModelParameter[] layers = [.. model.Parameters.All.Where(parameter => parameter.Layout != LinearLayout.None && parameter.IsPresent && isWhole?.Invoke(parameter.Name) != true)];
        string[] targets = Targets(options.Targets, [.. layers.Select(Module)]);
        ModelParameter[] whole = [.. model.Parameters.All.Where(parameter => isWhole?.Invoke(parameter.Name) == true && parameter.IsPresent && !parameter.IsTied)];
        foreach (ModelParameter parameter in model.Parameters.All)
        {
            if (parameter.IsPresent && !parameter.IsTied)
                parameter.Value.requires_grad_(whole.Contains(parameter));
        }

        var adapters = new LoraAdapters(model, options with { Targets = targets }, whole);
        using var generator = new Generator(seed, CPU);
        foreach (ModelParameter parameter in layers)
        {
            if (!targets.Any(target => IsNamed(Module(parameter), target)))
                continue;
            bool turned = parameter.Layout == LinearLayout.InputMajor;
            (long inputs, long outputs) = (parameter.Shape[turned ? 0 : 1], parameter.Shape[turned ? 1 : 0]);
            using DisposeScope scope = NewDisposeScope();
            double bound = 1 / Math.Sqrt(inputs);
            Tensor a = rand([options.Rank, inputs], generator: generator).mul_(2 * bound).sub_(bound).to(model.DType, model.Device);
            Tensor b = zeros([outputs, options.Rank], model.DType, model.Device);
            parameter.Adapter = new LowRankAdapter(
                a.requires_grad_().DetachFromDisposeScope(), b.requires_grad_().DetachFromDisposeScope(), options.Alpha / options.Rank, options.Dropout);
            adapters._adapted.Add(parameter);
        }

        return adapters;
    }

    /// <summary>What is to be trained.</summary>
    public IReadOnlyList<TrainedParameter> Trained() => [.. Tensors.Select(tensor => new TrainedParameter(tensor.Name, tensor.Value))];

    /// <summary>Adds every product to its weight, W + s·B·A, and takes the adapters away: the model computes what it computed with them.</summary>
    public void Merge()
    {
        using IDisposable quiet = no_grad();
        foreach (ModelParameter parameter in _adapted)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor product = parameter.Adapter!.Product();
            Tensor sum = parameter.Value.detach().to(ScalarType.Float32) + (parameter.Layout == LinearLayout.InputMajor ? product.t() : product);
            parameter.Value.detach().copy_(sum);
        }

        Dispose();
    }

    /// <summary>Writes <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>; the folder appears under its name when it is whole.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="baseModel">What the configuration names as the base.</param>
    /// <param name="overwrite">Replace the folder if it exists.</param>
    /// <exception cref="MerganserException">The folder exists and may not be replaced, or cannot be written.</exception>
    public void Save(string folder, string baseModel, bool overwrite = false) => LoraWriter.Write(this, folder, baseModel, overwrite);

    /// <summary>Takes the adapters away.</summary>
    public void Dispose()
    {
        foreach (ModelParameter parameter in _adapted)
        {
            parameter.Adapter?.Dispose();
            parameter.Adapter = null;
        }

        _adapted.Clear();
    }

    /// <summary>From here on inputs are left out as the seed says; null: none are.</summary>
    internal void Drop(ulong? seed)
    {
        for (int i = 0; i < _adapted.Count; i++)
            _adapted[i].Adapter!.DropSeed = seed is { } number ? DataOrder.Mix(number, (ulong)i) : null;
    }

    private static string[] Targets(IReadOnlyList<string> wanted, string[] layers)
    {
        string[] names = [.. layers.Select(LastPart).Distinct(StringComparer.Ordinal)];
        if (wanted.Count == 0)
        {
            string[] usual = [.. UsualTargets.Intersect(names, StringComparer.Ordinal)];
            return usual.Length > 0 ? usual : throw new MerganserException($"targets: this model has no known projections of queries and values; name layers: {string.Join(", ", names)}");
        }

        if (wanted.Contains(LoraOptions.AllLinear, StringComparer.Ordinal))
            return names;
        foreach (string target in wanted)
        {
            if (!layers.Any(layer => IsNamed(layer, target)))
                throw new MerganserException($"targets: no linear layer is called {NearestName.Quote(target)}{NearestName.Hint(target, names)}");
        }

        return [.. wanted];
    }

    private static string Module(ModelParameter parameter) => parameter.Name[..^Suffix.Length];

    private static string LastPart(string name) => name[(name.LastIndexOf('.') + 1)..];

    private static bool IsNamed(string module, string target) => module == target || (module.EndsWith(target, StringComparison.Ordinal) && module[^(target.Length + 1)] == '.');
}
