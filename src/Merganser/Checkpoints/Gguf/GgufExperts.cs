using System.Collections.Immutable;
using System.Globalization;
using Merganser.Checkpoints.Architectures;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Gguf;

/// <summary>
/// The experts of a Mixtral model. GGUF wants one tensor for all experts of a layer and part (<c>blk.N.ffn_gate_exps.weight</c>, [experts, rows,
/// columns]); folders have one matrix for each expert (<c>block_sparse_moe.experts.E.w1</c>, <c>w3</c>, <c>w2</c>), or the fused layout, in which gate
/// and up of an expert follow each other in one tensor. Nothing is copied for it: the parts are read in turn.
/// </summary>
internal sealed class GgufExperts(ModelFolder model)
{
    private const string Split = "block_sparse_moe.experts.";
    private const int MostExperts = 4096;

    private readonly SortedDictionary<(int Layer, string Part), SortedDictionary<int, TensorSource>> _matrices = [];
    private readonly List<TensorSource> _stacks = [];
    private readonly int _count = model.GetConfigInt("num_local_experts") is { } count and >= 1 and <= MostExperts
        ? count
        : throw new MerganserException($"{model.Path}: config.json: 'num_local_experts' must be from 1 to {MostExperts}");

    /// <summary>True for models that have experts.</summary>
    public static bool Has(ModelFolder model) => model.ModelType == "mixtral";

    /// <summary>Writes how many there are and how many a token goes to.</summary>
    public void Write(GgufMetadata metadata, string family)
    {
        int used = model.GetConfigInt("num_experts_per_tok") ?? throw new MerganserException($"{model.Path}: config.json has no 'num_experts_per_tok', which GGUF needs");
        if (used < 1 || used > _count)
            throw new MerganserException($"{model.Path}: config.json: 'num_experts_per_tok' is {used}; it must be from 1 to the number of experts, {_count}");
        metadata.Add($"{family}.expert_count", (uint)_count);
        metadata.Add($"{family}.expert_used_count", (uint)used);
    }

    /// <summary>Takes a matrix of an expert, to be given back in a stack. False for all other tensors.</summary>
    /// <exception cref="MerganserException">The tensor is of a feed-forward layer without experts, or of no expert that there is.</exception>
    public bool Take(TensorSource source)
    {
        string name = source.Info.Name;
        if (!LayerName.TryParse(name.StartsWith("model.", StringComparison.Ordinal) ? name["model.".Length..] : name, out LayerName parsed) || parsed.Prefix != "layers")
            return false;
        if (parsed.Rest is "mlp.experts.gate_up_proj" or "mlp.experts.down_proj")
        {
            TakeFused(parsed.Layer, source, parsed.Rest.EndsWith("gate_up_proj", StringComparison.Ordinal));
            return true;
        }

        if (!parsed.Rest.StartsWith(Split, StringComparison.Ordinal))
            return parsed.Rest.StartsWith("mlp.", StringComparison.Ordinal) && parsed.Rest != "mlp.gate.weight" ? throw Unknown(name) : false;
        string[] parts = parsed.Rest[Split.Length..].Split('.');
        string? part = parts is [_, string matrix, "weight"] ? matrix switch { "w1" => "gate", "w3" => "up", "w2" => "down", _ => null } : null;
        if (part is null || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int expert) || expert >= _count)
            throw Unknown(name);
        if (!_matrices.TryGetValue((parsed.Layer, part), out SortedDictionary<int, TensorSource>? experts))
            _matrices.Add((parsed.Layer, part), experts = []);
        experts[expert] = source;
        return true;
    }

    /// <summary>The stacks of all layers, under the names of GGUF.</summary>
    /// <exception cref="MerganserException">An expert is missing, or differs in shape or type from the others.</exception>
    public IEnumerable<TensorSource> Stacks()
    {
        foreach (((int layer, string part), SortedDictionary<int, TensorSource> experts) in _matrices)
        {
            if (experts.Count != _count)
                throw new MerganserException($"{model.Path}: layer {layer} has {experts.Count} {part} matrices; config.json says {_count} experts");
            TensorInfo first = experts[0].Info;
            foreach (TensorSource expert in experts.Values)
            {
                if (!expert.Info.SameShape(first) || expert.Info.DType != first.DType || first.Shape.Length != 2)
                    throw new MerganserException($"{expert.Origin}: tensor {Quoted.Name(expert.Info.Name)} is {expert.Info.DType.SafetensorsName()} {expert.Info.ShapeText}, that of expert 0 {first.DType.SafetensorsName()} {first.ShapeText}; experts are stacked and must be alike");
            }

            _stacks.Add(new StackedSource(new TensorInfo(Name(layer, part), first.DType, [_count, .. first.Shape]), experts.Values));
        }

        _matrices.Clear();
        return _stacks;
    }

    private static string Name(int layer, string part) => string.Create(CultureInfo.InvariantCulture, $"blk.{layer}.ffn_{part}_exps.weight");

    private void TakeFused(int layer, TensorSource source, bool gateAndUp)
    {
        TensorInfo info = source.Info;
        if (info.Shape.Length != 3 || info.Shape[0] != _count || (gateAndUp && info.Shape[1] % 2 != 0))
            throw new MerganserException($"{source.Origin}: tensor {Quoted.Name(info.Name)} is {info.ShapeText}; fused experts are [{_count}, {(gateAndUp ? "2·inner, width" : "width, inner")}]");
        if (!gateAndUp)
        {
            _stacks.Add(new Part(source, new TensorInfo(Name(layer, "down"), info.DType, info.Shape), 0));
            return;
        }

        ImmutableArray<long> shape = [info.Shape[1] / 2, info.Shape[2]];
        foreach ((string part, int half) in ((string, int)[])[("gate", 0), ("up", 1)])
        {
            var one = new TensorInfo(info.Name, info.DType, shape);
            IEnumerable<TensorSource> experts = Enumerable.Range(0, _count).Select(expert => new Part(source, one, ((2L * expert) + half) * one.ByteCount));
            _stacks.Add(new StackedSource(new TensorInfo(Name(layer, part), info.DType, [_count, .. shape]), experts));
        }
    }

    private MerganserException Unknown(string name) =>
        new($"{model.Path}: tensor {Quoted.Name(name)} has no counterpart in GGUF's Mixtral models of {_count} experts");

    /// <summary>A run of bytes of a tensor as a tensor of its own.</summary>
    private sealed class Part(TensorSource source, TensorInfo info, long start) : TensorSource
    {
        public override TensorInfo Info => info;

        public override string Origin => source.Origin;

        public override void Read(long byteOffset, Span<byte> destination)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(byteOffset);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(byteOffset, info.ByteCount - destination.Length);
            source.Read(start + byteOffset, destination);
        }
    }
}
