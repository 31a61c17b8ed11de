using System.Numerics.Tensors;
using Merganser.Neural.Decoding.Cpu;
using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace Merganser.Neural.Decoding;

/// <summary>
/// Batch-1 decoding of the Llama family on the processor without libtorch: own matrix-vector kernels over a packed copy of the weights,
/// own cache, own threads. A step reads every weight once, so its speed is that of the memory. Long prompts go through the model itself
/// (<see cref="Prefill"/>), whose matrix products are faster there; keys and values are taken over. Numbers agree with the model's up to
/// the order of sums (and the rounding of weights in other formats than float32). Rotary scalings that depend on the length follow the
/// model: each key keeps the table of its own step. Nothing is allocated per step, except by those scalings and when the cache grows.
/// The model must outlive the decoder; its weights are copied when the decoder is made.
/// </summary>
public sealed unsafe class LlamaDecoder : IStepDecoder
{
    private readonly LlamaModel _model;
    private readonly PackedLlama _packed;
    private readonly LlamaShape _shape;
    private readonly DecoderOptions _options;
    private readonly SpinTeam _team;
    private readonly PackedWeights _memory;
    private readonly DecoderCache _cache;
    private readonly MatrixInput _input, _attended, _inner;
    private readonly float* _hidden, _queryKeyValue, _change, _logits;
    private readonly LayerWork[] _layers;
    private readonly AttentionWork _attention;
    private readonly RowWork _head;
    private readonly float[] _cos, _sin;
    private bool _hasAllEntries = true;
    private bool _isDisposed;

    /// <summary>Packs the weights of a model.</summary>
    /// <exception cref="MerganserException">The activation of the configuration is unknown.</exception>
    public LlamaDecoder(LlamaModel model, DecoderOptions? options = null)
        : this(model, options ?? new DecoderOptions(), null)
    {
    }

    /// <summary>A decoder over weights that others use as well, or that are packed now.</summary>
    internal LlamaDecoder(LlamaModel model, DecoderOptions options, PackedLlama? packed)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Threads);
        _options = options;
        int members = _options.Threads == 0 ? Environment.ProcessorCount : _options.Threads;
        (_model, _shape) = (model, model.Shape);
        GateActivation activation = GateActivation.Of(model.Config);
        int width = _shape.Width, queries = _shape.Heads * _shape.HeadDim, keys = _shape.KeyHeads * _shape.HeadDim, all = queries + (2 * keys);
        _packed = packed?.Share() ?? new PackedLlama(model, options.Weights);
        WeightFormat format = _packed.Format;
        _cache = new DecoderCache(_shape.Layers, _shape.KeyHeads, _shape.HeadDim, options.HalfCache ?? options.Weights is WeightFormat.BFloat16 or WeightFormat.Int8);
        _memory = new PackedWeights(MatrixInput.Size(width) + MatrixInput.Size(queries) + MatrixInput.Size(_shape.Intermediate)
            + AttentionWork.Size(_shape.Heads, _shape.HeadDim, members)
            + (sizeof(float) * ((2L * width) + all + model.VocabularySize)) + (4 * PackedWeights.Alignment));
        _input = new MatrixInput(_memory, width, format);
        _attended = new MatrixInput(_memory, queries, format);
        _inner = new MatrixInput(_memory, _shape.Intermediate, format);
        _hidden = (float*)_memory.Take(sizeof(float) * (long)width);
        _change = (float*)_memory.Take(sizeof(float) * (long)width);
        _queryKeyValue = (float*)_memory.Take(sizeof(float) * (long)all);
        _logits = (float*)_memory.Take(sizeof(float) * (long)model.VocabularySize);
        _attention = new AttentionWork(_memory, _cache, _shape.Heads, _shape.KeyHeads, _queryKeyValue, _attended.Values, members);
        _layers = new LayerWork[_shape.Layers];
        for (int i = 0; i < _layers.Length; i++)
        {
            PackedLayer layer = _packed.Layers[i];
            _layers[i] = new LayerWork(
                new RowWork(layer.QueryKeyValue, _input, _queryKeyValue, layer.QueryKeyValueBias, members),
                new RowWork(layer.Output, _attended, _change, layer.OutputBias, members),
                new GatedWork(layer.GateUp, _input, _inner.Values, layer.GateUpBias, activation, members),
                new RowWork(layer.Down, _inner, _change, layer.DownBias, members));
        }

        _head = new RowWork(_packed.Head, _input, _logits, null, members);
        _cos = new float[model.Rotary.Width / 2];
        _sin = new float[_cos.Length];
        _team = new SpinTeam(members);
    }

    /// <inheritdoc/>
    public int Position { get; private set; }

    /// <inheritdoc/>
    public int VocabularySize => _packed.VocabularySize;

    /// <summary>How the matrices are stored.</summary>
    public WeightFormat Weights => _packed.Format;

    /// <summary>The number of threads.</summary>
    public int Threads => _team.Members;

    /// <summary>The bytes of weights that one step reads.</summary>
    public long WeightBytes => _packed.BytesPerStep;

    /// <summary>The bytes of keys and values that the next step reads.</summary>
    public long CacheBytes
    {
        get
        {
            long sum = 0;
            for (int layer = 0; layer < _shape.Layers; layer++)
                sum += 2L * (_cache.Count(layer) - FirstVisible(layer, _cache.Count(layer))) * _cache.Stride * _shape.KeyHeads;
            return sum;
        }
    }

    /// <summary>The place of the largest logit, the first of equals: greedy decoding.</summary>
    public static int ArgMax(ReadOnlySpan<float> logits) => VectorMath.ArgMax(logits);

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">The id is outside the vocabulary.</exception>
    public ReadOnlySpan<float> Step(int token)
    {
        Advance(token);
        VectorMath.RmsNorm(Hidden, _packed.Norm, _shape.Epsilon, _input.Span);
        _team.Run(_head);
        return new ReadOnlySpan<float>(_logits, VocabularySize);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">No tokens, or an id outside the vocabulary.</exception>
    public ReadOnlySpan<float> Prefill(ReadOnlySpan<int> tokens)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (tokens.IsEmpty)
            throw new ArgumentException("there are no tokens", nameof(tokens));
        foreach (int token in tokens)
            CheckToken(token);
        if (tokens.Length >= Math.Max(1, _options.PrefillFrom) && _hasAllEntries)
            return PrefillByModel(tokens);
        foreach (int token in tokens[..^1])
            Advance(token);
        return Step(tokens[^1]);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The sequence came from a cache that lacks entries, so that it can only be dropped as a whole.</exception>
    public void Truncate(int position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, Position);
        if (position > 0 && position < Position && !_hasAllEntries)
            throw new InvalidOperationException("entries of the cache were dropped or merged: only truncation to 0 is possible");
        if (position == 0)
        {
            _cache.Clear();
            _hasAllEntries = true;
        }
        else
        {
            _cache.Crop(Position - position);
        }

        Position = position;
    }

    /// <summary>Takes over the sequence of a cache that the model filled, in place of the own one. Batch 1 without padding.</summary>
    /// <exception cref="ArgumentException">The cache is of another model, holds more than one row, or has padding; or entries are missing from a layer with a sliding window.</exception>
    public void FillFrom(KvCache cache)
    {
        ArgumentNullException.ThrowIfNull(cache);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (cache.Layers != _shape.Layers)
            throw new ArgumentException($"the cache has {cache.Layers} layers, the model {_shape.Layers}", nameof(cache));
        using IDisposable quiet = no_grad();
        bool complete = true;
        for (int layer = 0; layer < cache.Layers && cache.SeenTokens > 0; layer++)
        {
            using DisposeScope scope = NewDisposeScope();
            long[] shape = cache[layer].Keys.shape;
            if (shape[0] != 1 || shape[1] != _shape.KeyHeads || shape[3] != _shape.HeadDim)
                throw new ArgumentException($"layer {layer} of the cache is [{string.Join(", ", shape)}], not [1, {_shape.KeyHeads}, n, {_shape.HeadDim}]", nameof(cache));
            if (!cache[layer].Mask.all().ToBoolean())
                throw new ArgumentException($"layer {layer} of the cache has padding", nameof(cache));
            bool whole = cache[layer].Count == cache.SeenTokens;
            if (!whole && _shape.Window(layer) is not null)
                throw new ArgumentException($"layer {layer} of the cache has {cache[layer].Count} of {cache.SeenTokens} entries; a sliding window needs all", nameof(cache));
            complete &= whole;
        }

        Truncate(0);
        TakeNew(cache, 0);
        Position = checked((int)cache.SeenTokens);
        _hasAllEntries = complete;
    }

    /// <summary>Lets the threads block at once. Without it they do so after some milliseconds without a step.</summary>
    public void Rest() => _team.Rest();

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        _team.Dispose();
        _cache.Dispose();
        _memory.Dispose();
        _packed.Dispose();
    }

    private Span<float> Hidden => new(_hidden, _shape.Width);

    /// <summary>Runs the layers on one token: its keys and values are in the cache then, its hidden state in <see cref="Hidden"/>.</summary>
    private void Advance(int token)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        CheckToken(token);
        _cache.Reserve(Position + 1);
        _packed.Embedding.Unpack(token, Hidden);
        _model.Rotary.Fill(Position, Position + 1, _cos, _sin);
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            (LayerWork work, PackedLayer weights) = (_layers[layer], _packed.Layers[layer]);
            VectorMath.RmsNorm(Hidden, weights.Before, _shape.Epsilon, _input.Span);
            _team.Run(work.QueryKeyValue);
            Remember(layer, weights);
            _attention.Select(layer, FirstVisible(layer, _cache.Count(layer)));
            _team.Run(_attention);
            _team.Run(work.Output);
            Add();
            VectorMath.RmsNorm(Hidden, weights.Between, _shape.Epsilon, _input.Span);
            _team.Run(work.GateUp);
            _team.Run(work.Down);
            Add();
        }

        Position++;
    }

    /// <summary>Norms and rotates the heads and puts keys and values into the cache.</summary>
    private void Remember(int layer, PackedLayer weights)
    {
        int width = _shape.HeadDim, rotated = _shape.Heads + _shape.KeyHeads;
        for (int head = 0; head < rotated; head++)
        {
            var span = new Span<float>(_queryKeyValue + (head * width), width);
            if (weights.QueryNorm is not null)
                VectorMath.RmsNorm(span, head < _shape.Heads ? weights.QueryNorm : weights.KeyNorm, _shape.Epsilon, span);
            VectorMath.Rotate(span, _cos, _sin);
        }

        for (int head = 0; head < _shape.KeyHeads; head++)
            _cache.Write(layer, head, _queryKeyValue + ((_shape.Heads + head) * width), _queryKeyValue + ((rotated + head) * width), 1);
        _cache.Advance(layer, 1);
    }

    private void Add() => TensorPrimitives.Add(Hidden, new ReadOnlySpan<float>(_change, _shape.Width), Hidden);

    private int FirstVisible(int layer, int count) => _shape.Window(layer) is { } window ? Math.Max(0, count - window) : 0;

    private ReadOnlySpan<float> PrefillByModel(ReadOnlySpan<int> tokens)
    {
        _team.Rest();
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using var cache = new KvCache(_shape.Layers);
        if (Position > 0)
            Give(cache);
        long[] ids = new long[tokens.Length];
        for (int i = 0; i < ids.Length; i++)
            ids[i] = tokens[i];
        CausalOutput output = _model.Forward(tensor(ids, [1, ids.Length], device: _model.Device), new CausalInput { Cache = cache, LastLogitsOnly = true });
        PackedLlama.Floats(output.Logits).CopyTo(new Span<float>(_logits, VocabularySize));
        TakeNew(cache, Position);
        Position += tokens.Length;
        return new ReadOnlySpan<float>(_logits, VocabularySize);
    }

    /// <summary>Copies entries from a place on behind the own ones.</summary>
    private void TakeNew(KvCache cache, int from)
    {
        _cache.Reserve(checked((int)cache.SeenTokens + 1));
        for (int layer = 0; layer < _shape.Layers && cache.SeenTokens > 0; layer++)
        {
            using DisposeScope scope = NewDisposeScope();
            int count = checked((int)cache[layer].Count - from);
            for (int head = 0; head < _shape.KeyHeads; head++)
            {
                fixed (float* keys = PackedLlama.Floats(cache[layer].Keys[0, head].narrow(0, from, count)), values = PackedLlama.Floats(cache[layer].Values[0, head].narrow(0, from, count)))
                    _cache.Write(layer, head, keys, values, count);
            }

            _cache.Advance(layer, count);
        }
    }

    /// <summary>Puts the own entries into an empty cache of the model.</summary>
    private void Give(KvCache cache)
    {
        for (int layer = 0; layer < _shape.Layers; layer++)
        {
            using DisposeScope scope = NewDisposeScope();
            int count = _cache.Count(layer), size = count * _shape.HeadDim;
            float[] keys = new float[size * _shape.KeyHeads], values = new float[keys.Length];
            for (int head = 0; head < _shape.KeyHeads; head++)
                _cache.Read(layer, head, keys.AsSpan(head * size, size), values.AsSpan(head * size, size));
            long[] shape = [1, _shape.KeyHeads, count, _shape.HeadDim];
            Tensor positions = arange(0, count, ScalarType.Int64, _model.Device).unsqueeze(0);
            cache[layer].Append(tensor(keys, shape).to(_model.DType, _model.Device), tensor(values, shape).to(_model.DType, _model.Device), positions, ones_like(positions, ScalarType.Bool));
        }

        cache.Saw(Position);
    }

    private void CheckToken(int token)
    {
        if ((uint)token >= (uint)VocabularySize)
            throw new ArgumentOutOfRangeException(nameof(token), token, $"the model has ids 0 to {VocabularySize - 1}");
    }

    private readonly record struct LayerWork(RowWork QueryKeyValue, RowWork Output, GatedWork GateUp, RowWork Down);
}
