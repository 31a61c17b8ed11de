using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens.Matching;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Learning;

/// <summary>
/// The differentiable forward pass of DiffRate ("Differentiable Compression Rate for Efficient Vision Transformers", arXiv 2305.17997): the
/// sequence keeps its length, and a mask over tokens, which attention respects, carries the gradient to the rates of every block.
/// </summary>
/// <remarks>
/// Attention: wᵢⱼ = exp(lᵢⱼ − maxⱼ lᵢⱼ)·(Mⱼ + (1 − Mⱼ)δᵢⱼ), a = (w + ε/N) / (Σw + ε) with ε = 10⁻⁶, in float32. Order, likeness and destinations
/// carry no gradient. The model is frozen: only the rates learn. The first block never compresses.
/// </remarks>
public sealed class DiffRateTraining : IDisposable
{
    private const double Epsilon = 1e-6;
    private readonly VisionModel _model;
    private readonly Func<VisionOutput, Tensor>? _scores;
    private readonly int _classes;
    private readonly LearnedRate[] _prune, _merge;

    /// <summary>Rates for a model with a class token and a classifier.</summary>
    /// <param name="model">The model; it is not disposed with this.</param>
    /// <param name="granularity">The distance of candidates, 1 or more.</param>
    /// <param name="isFree">Which blocks may compress; left out: all but the first.</param>
    /// <param name="prunes">Tokens may be dropped.</param>
    /// <param name="merges">Tokens may merge.</param>
    /// <param name="head">Makes scores of the output, in place of the model's own classifier; with the number of classes.</param>
    /// <exception cref="MerganserException">The model has no class token, or also a distillation token.</exception>
    public DiffRateTraining(VisionModel model, int granularity = 4, Func<int, bool>? isFree = null, bool prunes = true, bool merges = true, (Func<VisionOutput, Tensor> Scores, int Classes)? head = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        VisionShape shape = model.Encoder.Shape;
        TokenImportances.RequireClassToken(shape, "DiffRate");
        if (shape.SpecialTokens > 1)
            throw new MerganserException("DiffRate's rates are learned on models with a class token alone; this one has a distillation token too");
        (_model, _scores, _classes) = (model, head?.Scores, head?.Classes ?? model.Labels.Count);
        long patches = shape.Tokens - 1;
        LearnedRate[] Rates(bool wanted) => [.. Enumerable.Range(0, shape.Blocks).Select(block => new LearnedRate(patches, granularity, !wanted || !(isFree?.Invoke(block) ?? block > 0), model.Device))];
        (_prune, _merge) = (Rates(prunes), Rates(merges));
    }

    /// <summary>What is kept after dropping, per block.</summary>
    public IReadOnlyList<LearnedRate> Prune => _prune;

    /// <summary>What is kept after merging, per block.</summary>
    public IReadOnlyList<LearnedRate> Merge => _merge;

    /// <summary>The rates as they are now; they do not rise from block to block.</summary>
    public TokenRates Rates()
    {
        int alive = (int)_model.Encoder.Shape.Tokens;
        int[] prune = new int[_prune.Length], merge = new int[_merge.Length];
        for (int block = 0; block < prune.Length; block++)
        {
            prune[block] = Math.Min(alive, _prune[block].KeptNow());
            alive = merge[block] = Math.Min(prune[block], _merge[block].KeptNow());
        }

        return new TokenRates(prune, merge);
    }

    /// <summary>The scores [B, classes], with gradients to the rates.</summary>
    public Tensor Forward(Tensor pixels)
    {
        using DisposeScope scope = NewDisposeScope();
        var pass = new Pass(this);
        VisionOutput output = _model.Forward(pixels, new VisionInput { Hook = pass, ProportionalAttention = true });
        return scope.MoveToOuter(_scores?.Invoke(output) ?? output.Logits ?? throw new MerganserException("rates are learned on a classifier, and this model has none"));
    }

    /// <summary>
    /// The multiply-adds per image, one number with a gradient: per block 4NC² + 2N²C, then N ← min(N, Kp, Km), then 8NC² (2CI·N for another
    /// inner width I); patches and head besides. The minimum passes its gradient to both rates, not to N.
    /// </summary>
    public Tensor MultiplyAdds()
    {
        using DisposeScope scope = NewDisposeScope();
        VisionShape shape = _model.Encoder.Shape;
        double width = shape.Width, patch = (double)shape.Patch.Height * shape.Patch.Width * shape.Channels;
        Tensor count = tensor((float)shape.Tokens, device: _model.Device), sum = tensor((float)((shape.Tokens * width * patch) + (width * _classes)), device: _model.Device);
        for (int block = 0; block < shape.Blocks; block++)
        {
            sum = sum + (count * (4 * width * width)) + (count * count * (2 * width));
            Tensor prune = _prune[block].Kept(), merge = _merge[block].Kept();
            Tensor least = minimum(minimum(count, prune), merge).detach();
            count = least + (prune - prune.detach()) + (merge - merge.detach());
            sum += count * (2 * width * shape.Intermediate);
        }

        return scope.MoveToOuter(sum);
    }

    /// <summary>The multiply-adds of the whole model and of the strongest compression, between which targets lie.</summary>
    public (double Least, double Whole) Reach()
    {
        using DisposeScope scope = NewDisposeScope();
        VisionShape shape = _model.Encoder.Shape;
        double width = shape.Width, fixedPart = (shape.Tokens * width * shape.Patch.Height * shape.Patch.Width * shape.Channels) + (width * _classes);
        double Sum(Func<int, double> kept)
        {
            double count = shape.Tokens, sum = fixedPart;
            for (int block = 0; block < shape.Blocks; block++)
            {
                sum += (4 * count * width * width) + (2 * count * count * width);
                count = Math.Min(count, kept(block));
                sum += 2 * width * shape.Intermediate * count;
            }

            return sum;
        }

        double Smallest(LearnedRate rate) => rate.Candidates[-1].ToSingle() + 1;
        return (Sum(block => Math.Min(Smallest(_prune[block]), Smallest(_merge[block]))), Sum(_ => shape.Tokens));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (LearnedRate rate in (IEnumerable<LearnedRate>)[.. _prune, .. _merge])
            rate.Dispose();
    }

    /// <summary>One pass: the mask and how many tokens are alive travel from block to block.</summary>
    private sealed class Pass(DiffRateTraining owner) : IAttentionHook
    {
        private Tensor? _mask;
        private long _alive = owner._model.Encoder.Shape.Tokens;

        public AttentionWish Wish(int block) => AttentionWish.Probabilities;

        public AttentionOutput Attend(int block, Tensor query, Tensor key, Tensor value, AttentionBias bias)
        {
            long count = key.shape[2];
            Tensor scores = (matmul(query, key.transpose(-1, -2)).to(ScalarType.Float32) * Math.Pow(query.shape[3], -0.5)) + bias.ToTensor(ScalarType.Float32, query.device);
            Tensor weights = (scores - scores.amax([-1], keepdim: true)).exp();
            if (_mask is not null)
            {
                Tensor open = _mask.view(_mask.shape[0], 1, 1, count);
                weights *= open + ((1 - open) * eye(count, device: query.device));
            }

            Tensor probabilities = (weights + (Epsilon / count)) / (weights.sum(-1, keepdim: true) + Epsilon);
            return new AttentionOutput(matmul(probabilities.to(value.dtype), value)) { Probabilities = probabilities };
        }

        public TokenState AfterAttention(int block, TokenState state, AttentionOutput attention)
        {
            long batch = state.Tokens.shape[0], count = state.Count;
            Tensor importance = attention.Probabilities!.detach().select(2, 0).mean([1]);
            Tensor order = TokenImportances.Order(importance, special: 1);
            Tensor tokens = Bipartite.Rows(state.Tokens, order);
            Tensor size = state.Size is { } known ? Bipartite.Rows(known, order) : ones([batch, count, 1], device: tokens.device);
            Tensor mask = _mask is null ? ones([batch, count], device: tokens.device) : _mask.gather(1, order);
            int keptAfterPruning = owner._prune[block].KeptNow(), keptAfterMerging = owner._merge[block].KeptNow();
            if (keptAfterPruning < _alive)
                mask *= owner._prune[block].Mask(_alive);
            long middle = Math.Min(_alive, keptAfterPruning);
            if (keptAfterMerging < middle)
            {
                (tokens, size) = MergeRows(tokens, size, keptAfterMerging, middle);
                mask *= owner._merge[block].Mask(middle);
            }

            _alive = Math.Min(middle, keptAfterMerging);
            _mask?.Dispose();
            _mask = mask.MoveToOuterDisposeScope();
            return new TokenState(tokens) { Size = size };
        }

        /// <summary>Rows from kept to middle are added to those before; they stay where they are, and so do all others.</summary>
        private static (Tensor Tokens, Tensor Size) MergeRows(Tensor tokens, Tensor size, long kept, long middle)
        {
            Tensor first, targets, likeness;
            using (no_grad())
            {
                Tensor unit = TokenMetrics.Unit(tokens, special: 1);
                Tensor sources = arange(kept, middle, dtype: ScalarType.Int64, device: tokens.device).expand(tokens.shape[0], middle - kept);
                Tensor receivers = arange(1, kept, dtype: ScalarType.Int64, device: tokens.device).unsqueeze(0);
                (likeness, targets) = Bipartite.Partners(unit, sources, receivers, null);
                targets = (targets + 1).unsqueeze(-1);
            }

            long rest = tokens.shape[1] - middle;
            (first, Tensor source) = (tokens.narrow(1, 0, kept), tokens.narrow(1, kept, middle - kept));
            Tensor members = ones([tokens.shape[0], kept, 1], device: tokens.device).scatter_add(1, targets, ones_like(likeness).unsqueeze(-1));
            Tensor merged = first.scatter_add(1, targets.expand(-1, -1, tokens.shape[2]), source) / members;
            Tensor own = size.narrow(1, 0, kept).clamp_min(1), moved = (size.narrow(1, kept, middle - kept) * likeness.unsqueeze(-1)).clamp_min(1);
            return (cat([merged, source, tokens.narrow(1, middle, rest)], 1), cat([own.scatter_add(1, targets, moved), moved, size.narrow(1, middle, rest)], 1));
        }
    }
}
