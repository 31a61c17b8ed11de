using Merganser.Neural.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Decoding;

/// <summary>
/// Continues token sequences with a decoder-only model: one after another as they are made, or a batch of prompts at once. Single sequences
/// of the Llama family on the processor can go through <see cref="LlamaDecoder"/>, several of them at the same time over the same weights.
/// </summary>
public sealed class Generator : IDisposable
{
    private readonly DecoderPool? _decoders;

    /// <summary>A generator over a model, which must outlive it.</summary>
    /// <param name="model">The model.</param>
    /// <param name="decoder">
    /// How single sequences are decoded where <see cref="LlamaDecoder"/> can do it: weights are copied at the first sequence, and later changes
    /// to the model are not seen. Null, and models that it cannot do: every token goes through the model.
    /// </param>
    /// <exception cref="MerganserException">A weight format is wished for, and the model is not of the Llama family or not on the processor.</exception>
    public Generator(CausalLm model, DecoderOptions? decoder = null)
    {
        Model = model;
        if (decoder is null)
            return;
        if (model is LlamaModel llama && model.Device.type == DeviceType.CPU)
            _decoders = new DecoderPool(llama, decoder);
        else if (decoder.Weights is not null)
            throw new MerganserException($"the weight format of decoding (fp32, bf16, int8) can be chosen for models of the Llama family on the processor; this is {model.Config.Text("model_type", model.GetType().Name)} on {model.Device}: choose auto");
    }

    /// <summary>The model.</summary>
    public CausalLm Model { get; }

    /// <summary>Single sequences go through <see cref="LlamaDecoder"/>.</summary>
    public bool HasDecoder => _decoders is not null;

    /// <summary>Continues one prompt; each new id is handed out as soon as it is chosen. An end id ends the sequence and is not handed out.</summary>
    /// <exception cref="MerganserException">An empty prompt, an id outside the vocabulary, a prompt that fills the context.</exception>
    public IEnumerable<int> Stream(IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation = default)
    {
        options.Validate();
        CheckPrompt(prompt);
        return _decoders is null ? StreamChecked(prompt, options, cancellation) : StreamDecoded(_decoders, [.. prompt], options, cancellation);
    }

    /// <summary>Continues all prompts together; shorter ones are padded on the left, which does not change what they get.</summary>
    public int[][] Generate(IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, CancellationToken cancellation = default)
    {
        options.Validate();
        foreach (IReadOnlyList<int> prompt in prompts)
            CheckPrompt(prompt);
        if (prompts.Count == 0)
            return [];
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        int longest = prompts.Max(prompt => prompt.Count), steps = Math.Min(options.MaxNewTokens, Model.MaxPositions - longest);
        var made = new List<int>[prompts.Count];
        var samplers = new Sampler[prompts.Count];
        bool[] ended = new bool[prompts.Count];
        long[] ids = new long[prompts.Count * longest], positions = new long[ids.Length];
        bool[] mask = new bool[ids.Length];
        for (int row = 0; row < prompts.Count; row++)
        {
            made[row] = [];
            samplers[row] = NewSampler(prompts[row], options, row);
            int pad = longest - prompts[row].Count;
            for (int i = 0; i < prompts[row].Count; i++)
            {
                int place = (row * longest) + pad + i;
                (ids[place], positions[place], mask[place]) = (prompts[row][i], i, true);
            }
        }

        using var cache = new KvCache(Model.Layers);
        long[] shape = [prompts.Count, longest];
        Tensor nextIds = tensor(ids, shape, device: Model.Device), nextPositions = tensor(positions, shape, device: Model.Device), nextMask = tensor(mask, shape, device: Model.Device);
        for (int step = 0; step < steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope inner = NewDisposeScope();
            float[] logits = Logits(Model.Forward(nextIds, new CausalInput { Cache = cache, Mask = nextMask, Positions = nextPositions, LastLogitsOnly = true }));
            long[] chosen = new long[prompts.Count], places = new long[prompts.Count];
            for (int row = 0; row < prompts.Count; row++)
            {
                places[row] = prompts[row].Count + step;
                if (ended[row])
                    continue;
                int id = samplers[row].Next(logits.AsSpan(row * Model.VocabularySize, Model.VocabularySize));
                chosen[row] = id;
                ended[row] = options.EndIds.Contains(id);
                if (!ended[row])
                    made[row].Add(id);
            }

            if (Array.TrueForAll(ended, static end => end))
                break;
            long[] one = [prompts.Count, 1];
            nextIds = scopeOwned(tensor(chosen, one, device: Model.Device));
            nextPositions = scopeOwned(tensor(places, one, device: Model.Device));
            nextMask = scopeOwned(ones(one, dtype: ScalarType.Bool, device: Model.Device));

            Tensor scopeOwned(Tensor x) => inner.MoveToOuter(x);
        }

        return [.. made.Select(row => row.ToArray())];
    }

    /// <inheritdoc/>
    public void Dispose() => _decoders?.Dispose();

    private IEnumerable<int> StreamChecked(IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation)
    {
        Sampler sampler = NewSampler(prompt, options, 0);
        using var cache = new KvCache(Model.Layers);
        long[] next = [.. prompt.Select(id => (long)id)];
        int steps = Math.Min(options.MaxNewTokens, Model.MaxPositions - prompt.Count);
        for (int step = 0; step < steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            int id = sampler.Next(Step(next, cache));
            if (options.EndIds.Contains(id))
                yield break;
            yield return id;
            next = [id];
        }
    }

    private IEnumerable<int> StreamDecoded(DecoderPool decoders, int[] prompt, GenerationOptions options, CancellationToken cancellation)
    {
        Sampler sampler = NewSampler(prompt, options, 0);
        int steps = Math.Min(options.MaxNewTokens, Model.MaxPositions - prompt.Length), id = 0;
        LlamaDecoder decoder = decoders.Rent();
        try
        {
            for (int step = 0; step < steps; step++)
            {
                cancellation.ThrowIfCancellationRequested();
                id = sampler.Next(step == 0 ? decoder.Prefill(prompt) : decoder.Step(id));
                if (options.EndIds.Contains(id))
                    yield break;
                yield return id;
            }
        }
        finally
        {
            decoders.Return(decoder);
        }
    }

    private float[] Step(long[] ids, KvCache cache)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return Logits(Model.Forward(tensor(ids, [1, ids.Length], device: Model.Device), new CausalInput { Cache = cache, LastLogitsOnly = true }));
    }

    private static float[] Logits(CausalOutput output) => output.Logits.to(ScalarType.Float32).cpu().contiguous().data<float>().ToArray();

    private static Sampler NewSampler(IReadOnlyList<int> prompt, GenerationOptions options, int row)
    {
        var sampler = new Sampler(options, row);
        foreach (int id in prompt)
            sampler.Saw(id);
        return sampler;
    }

    private void CheckPrompt(IReadOnlyList<int> prompt)
    {
        if (prompt.Count == 0)
            throw new MerganserException("the prompt has no tokens");
        if (prompt.Count >= Model.MaxPositions)
            throw new MerganserException($"the prompt has {prompt.Count} tokens; the model's context holds {Model.MaxPositions}, one of which must be left");
        foreach (int id in prompt)
        {
            if ((uint)id >= (uint)Model.VocabularySize)
                throw new MerganserException($"the prompt has token id {id}; the model has ids 0 to {Model.VocabularySize - 1} (does the tokenizer belong to it?)");
        }
    }
}
