using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights.Lora;
using Merganser.Weights.Recipes;
using Merganser.Weights.Tools;

namespace Merganser.Weights.Moe;

/// <summary>How a mixture is planned.</summary>
public sealed record MoeOptions
{
    /// <summary>How experts are stored.</summary>
    public MoeLayout Layout { get; init; } = MoeLayout.Split;

    /// <summary>The seed of random routers and noise.</summary>
    public ulong Seed { get; init; }

    /// <summary>True to allow experts that are all the same model: useful only as a start of training.</summary>
    public bool AllowEqualExperts { get; init; }

    /// <summary>The folder that relative paths begin at; null for the current one.</summary>
    public string? WorkingFolder { get; init; }

    /// <summary>The title of the card: the output folder's name.</summary>
    public string Title { get; init; } = "mixture";

    /// <summary>Threads that compute hidden states; at least 1.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Told before each layer of the base is run for hidden states: the layer and the number of layers. Null for nobody.</summary>
    public Action<int, int>? LayerDone { get; init; }

    /// <summary>Stops computing hidden states between layers.</summary>
    public CancellationToken Cancellation { get; init; }
}

/// <summary>
/// Puts the feed-forward layers of several dense models beside each other, with routers that choose between them
/// (mergekit's <c>moe</c>; the idea is that of sparse upcycling, arXiv 2212.05055).
/// </summary>
/// <remarks>
/// <para>Attention, norms and embeddings are the base's. Expert e's matrices are its model's, plus <c>noise_scale</c>·N(0, 1), the down
/// projection times <c>residual_scale</c>. Routers: <c>cheap_embed</c> sums the base's embeddings of the prompts' tokens and brings the sum to length 1,
/// subtracts the same of the negative prompts and brings the difference to length 1; <c>random</c> is N(0, 1), <c>uniform_random</c> is
/// U(−1/√H, 1/√H), both from the seed. <c>hidden</c> (or <c>hidden_last</c>) takes for every layer the hidden state that enters it at the last token of each
/// prompt, averaged over the prompts, minus the same of the negative prompts, brought to length 1; <c>hidden_avg</c> takes the sum over a prompt's tokens divided by
/// the length of the longest prompt of its list. For these the base (Llama, Mistral, Qwen2, Qwen3) is run in float32 while the plan is made, its matrices
/// streamed from the disk.</para>
/// <para>Tensors that stay as they are are copied by byte ranges.</para>
/// </remarks>
public sealed class MoePlanner
{
    private static readonly MlpPart[] Parts = [MlpPart.Gate, MlpPart.Up, MlpPart.Down];

    private readonly MoeConfig _config;
    private readonly MoeOptions _options;
    private readonly MoeArchitecture _architecture;
    private readonly OpenModel _base;
    private readonly OpenModel[] _experts;
    private readonly OpenModel[] _shared;
    private readonly List<TensorJob> _jobs = [];
    private readonly List<string> _warnings = [];

    private MoePlanner(MoeConfig config, MoeOptions options, ModelSet models)
    {
        _config = config;
        _options = options;
        _base = models.Open(config.BaseModel, config.BaseModelPosition);
        _experts = [.. config.Experts.Select(expert => models.Open(expert.Model, expert.Position))];
        _shared = [.. config.SharedExperts.Select(expert => models.Open(expert.Model, expert.Position))];
        string[] types = [.. models.All.Select(model => model.Folder.ModelType ?? "unknown").Distinct()];
        _architecture = MoeArchitecture.Choose(config, types);
    }

    /// <summary>Plans a mixture. Reads headers and the embeddings of prompts, for hidden gates all layers of the base, and writes nothing.</summary>
    /// <exception cref="MerganserException">The recipe or the models cannot be used.</exception>
    public static MergePlan Plan(MoeConfig config, MoeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(config);
        options ??= new MoeOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Threads, 1);
        CheckExperts(config, options);
        // The recipe's own reader of models serves here too: it finds folders and applies adapters.
        var recipe = new MergeRecipe
        {
            File = config.File,
            Text = config.Text,
            Method = MergeMethods.Find("linear")!,
            Position = config.GateModePosition,
            BaseModel = config.BaseModel,
        };
        var planning = new PlanOptions { WorkingFolder = options.WorkingFolder, ApplyAdapter = LoraOverlay.Overlay, Seed = options.Seed };
        var models = new ModelSet(recipe, planning);
        try
        {
            if (!config.HasRandomGates)
                config = MoePrompts.Tokenize(config, models.Open(config.BaseModel, config.GateModePosition));
            var planner = new MoePlanner(config, options, models);
            return planner.Build(models, $"moe {options.Layout} {PlanFingerprint.Of(recipe, planning, models)}");
        }
        catch
        {
            models.Dispose();
            throw;
        }
    }

    private static void CheckExperts(MoeConfig config, MoeOptions options)
    {
        if (!config.HasRandomGates)
        {
            foreach (MoeExpert expert in config.Experts)
            {
                if (expert.PositivePrompts.IsEmpty)
                    throw expert.Position.Error("'positive_prompts' is missing; only gate_mode random and uniform_random do without");
            }
        }

        if (config.Experts.Length < 2)
            return;
        string Key(MoeExpert expert) => string.Join('\u0001', expert.PositivePrompts.Concat([new MoePrompt("\u0002", [], default)]).Concat(expert.NegativePrompts)
            .Select(prompt => prompt.Text ?? string.Join(' ', prompt.Tokens)));
        if (!config.HasRandomGates && config.Experts.Select(Key).Distinct(StringComparer.Ordinal).Count() == 1)
            throw config.Experts[1].Position.Error("all experts have the same prompts, so that no router can tell them apart");
        if (!options.AllowEqualExperts && config.Experts.Select(expert => expert.Model).Distinct().Count() == 1)
            throw config.Experts[1].Position.Error("all experts are the same model; without training that is useless: give --i-understand-this-is-not-useful-without-training to go on");
    }

    private MergePlan Build(ModelSet models, string fingerprint)
    {
        int layers = ModelLayers.Count(_base.Folder);
        TensorSource embedding = Tensor(_base, "model.embed_tokens.weight");
        if (embedding.Info.Shape is not [> 0, > 0 and <= int.MaxValue])
            throw new MerganserException($"{embedding.Origin}: '{embedding.Info.Name}' is {embedding.Info.ShapeText}; it must be a matrix");
        foreach (TensorSource tensor in _base.Tensors.Values.OrderBy(tensor => tensor.Info.Name, StringComparer.Ordinal))
        {
            LayerPlace place = LayerPlace.Of(tensor.Info.Name);
            if (place.Layer < 0 || !place.Kind.StartsWith("mlp.", StringComparison.Ordinal))
                Copy(tensor.Info.Name, tensor);
            else if (!Parts.Any(part => place.Kind == $"mlp.{MoeArchitecture.PartName(part)}.weight"))
                throw new MerganserException($"{tensor.Origin}: '{tensor.Info.Name}' has no place in a {_architecture.Name} mixture; its feed-forward layers must be gate, up and down projections without biases");
        }

        HiddenGates? hidden = _config.HasHiddenGates ? HiddenGates.Compute(_config, _base, layers, embedding, _options) : null;
        var gates = new MoeGates(_config, embedding, _options.Seed, hidden);
        double worst = 0;
        for (int layer = 0; layer < layers; layer++)
            worst = Math.Max(worst, AddLayer(layer, gates, embedding));
        if (worst > MoeGates.MaxCondition)
            _warnings.Add(string.Create(CultureInfo.InvariantCulture, $"the routers have a condition number of up to {worst:G3} (over {MoeGates.MaxCondition:G}): some experts are hard to tell apart; use prompts that differ more"));

        return new MergePlan
        {
            Jobs = _jobs,
            Config = Configuration(),
            CopiedFiles = _base.Folder.SideFiles().ToDictionary(file => file, file => Path.GetFileName(file)!, StringComparer.Ordinal),
            WrittenFiles = new Dictionary<string, string> { ["mergekit_moe_config.yml"] = _config.Text.EndsWith('\n') ? _config.Text : _config.Text + "\n", ["README.md"] = Card() },
            Warnings = _warnings,
            Fingerprint = fingerprint,
            Inputs = models.Owned,
        };
    }

    /// <summary>Adds the experts and routers of a layer; gives back the router's condition number.</summary>
    private double AddLayer(int layer, MoeGates gates, TensorSource embedding)
    {
        string prefix = string.Create(CultureInfo.InvariantCulture, $"model.layers.{layer}.");
        long width = embedding.Info.Shape[1];
        if (_options.Layout == MoeLayout.Fused)
            AddFused(prefix);
        else
            AddSplit(prefix);

        float[] gate = gates.Layer(_config.Experts, layer, "router");
        string router = _options.Layout == MoeLayout.Fused ? "mlp.gate.weight" : _architecture.Router;
        Add(new ValueSource(prefix + router, [_experts.Length, width], gate), GateType(embedding));
        for (int i = 0; i < _shared.Length; i++)
        {
            foreach (MlpPart part in Parts)
                Copy($"{prefix}{_architecture.SharedPrefix}.{MoeArchitecture.PartName(part)}.weight", Part(prefix, _shared[i], _config.SharedExperts[i], part, $"shared {i}"));
            if (_architecture.SharedGate is { } sharedGate)
                Add(new ValueSource(prefix + sharedGate, [1, width], gates.Layer([_config.SharedExperts[i]], layer, "shared gate")), GateType(embedding));
        }

        if (_architecture.NeedsAttentionBiases)
            AddBiases(prefix);
        return gates.Condition(gate);
    }

    private void AddSplit(string prefix)
    {
        for (int expert = 0; expert < _experts.Length; expert++)
        {
            foreach (MlpPart part in Parts)
                Copy(prefix + _architecture.ExpertTensor(expert, part), Part(prefix, _experts[expert], _config.Experts[expert], part, $"expert {expert}"));
        }
    }

    /// <summary>[experts, 2·I, H] with gate rows first, and [experts, H, I].</summary>
    private void AddFused(string prefix)
    {
        var gateUp = new List<TensorSource>();
        var down = new List<TensorSource>();
        for (int expert = 0; expert < _experts.Length; expert++)
        {
            gateUp.Add(Part(prefix, _experts[expert], _config.Experts[expert], MlpPart.Gate, $"expert {expert}"));
            gateUp.Add(Part(prefix, _experts[expert], _config.Experts[expert], MlpPart.Up, $"expert {expert}"));
            down.Add(Part(prefix, _experts[expert], _config.Experts[expert], MlpPart.Down, $"expert {expert}"));
        }

        Stack(prefix + "mlp.experts.gate_up_proj", gateUp, 2 * gateUp[0].Info.Shape[0], gateUp[0].Info.Shape[1]);
        Stack(prefix + "mlp.experts.down_proj", down, down[0].Info.Shape[0], down[0].Info.Shape[1]);
    }

    private void Stack(string name, List<TensorSource> parts, long rows, long columns)
    {
        var info = new TensorInfo(name, OutputType(parts[0]), [_experts.Length, rows, columns]);
        IEnumerable<TensorSource> converted = parts.Select(part => part.Info.DType == info.DType ? part : new ConvertedSource(part, new TensorInfo(name, info.DType, part.Info.Shape)));
        _jobs.Add(new TensorJob(info, [new StackedSource(info, converted)]));
    }

    private void AddBiases(string prefix)
    {
        foreach (string part in (string[])["q_proj", "k_proj", "v_proj"])
        {
            string bias = $"{prefix}self_attn.{part}.bias";
            if (_base.Tensors.ContainsKey(bias))
                continue;
            TensorSource weight = Tensor(_base, $"{prefix}self_attn.{part}.weight");
            Add(new ValueSource(bias, [weight.Info.Shape[0]], new float[weight.Info.Shape[0]]), OutputType(weight));
        }
    }

    /// <summary>A matrix of an expert with noise and scale, checked against the base's shape.</summary>
    private TensorSource Part(string prefix, OpenModel model, MoeExpert expert, MlpPart part, string key)
    {
        string name = $"{prefix}mlp.{MoeArchitecture.PartName(part)}.weight";
        TensorSource tensor = Tensor(model, name);
        TensorInfo wanted = Tensor(_base, name).Info;
        if (!tensor.Info.SameShape(wanted))
            throw expert.Position.Error($"'{name}' is {tensor.Info.ShapeText} in {model.Label}, {wanted.ShapeText} in the base; experts must have the base's shapes");
        double factor = part == MlpPart.Down ? expert.ResidualScale : 1;
        return expert.NoiseScale == 0 && factor == 1
            ? tensor
            : new NoisySource(tensor, new TensorInfo(name, OutputType(tensor), tensor.Info.Shape), expert.NoiseScale, factor, _options.Seed, $"{key} {name}");
    }

    private static TensorSource Tensor(OpenModel model, string name) =>
        model.Tensors.TryGetValue(name, out TensorSource? tensor) ? tensor : throw new MerganserException($"{model.Folder.Path}: has no tensor '{name}'");

    private DType OutputType(TensorSource tensor) => tensor.Info.DType.IsFloat() ? _config.DType ?? tensor.Info.DType : tensor.Info.DType;

    private DType GateType(TensorSource embedding) => OutputType(embedding);

    private void Copy(string name, TensorSource tensor) => Add(tensor, OutputType(tensor), name);

    private void Add(TensorSource tensor, DType type, string? name = null) =>
        _jobs.Add(new TensorJob(new TensorInfo(name ?? tensor.Info.Name, type, tensor.Info.Shape), [tensor]));

    private JsonObject Configuration()
    {
        JsonObject config = _base.Folder.Config.DeepClone().AsObject();
        int perToken = _config.ExpertsPerToken ?? _architecture.DefaultExpertsPerToken(_config);
        if (perToken > _experts.Length)
            throw _config.GateModePosition.Error($"'experts_per_token' is {perToken} by default but there is only {_experts.Length} expert; set it to 1");
        _architecture.Configure(config, _config, perToken);
        if (_config.DType is { } type)
        {
            string key = config.ContainsKey("dtype") ? "dtype" : "torch_dtype";
            config[key] = type.TorchName();
        }

        return config;
    }

    private string Card()
    {
        IEnumerable<string> lines = _config.Experts.Concat(_config.SharedExperts).Select(expert => $"- {YamlText.Quote(expert.Model.ToString())}");
        return $"---\nlibrary_name: transformers\ntags: [merganser, mergekit, moe]\n---\n\n# {_options.Title}\n\n"
            + $"A mixture of {_config.Experts.Length} experts ({_architecture.Name}) on {YamlText.Quote(_config.BaseModel.ToString())}:\n\n{string.Join('\n', lines)}\n\n```yaml\n{_config.Text.TrimEnd()}\n```\n";
    }
}
