using Merganser.Neural.Models.Processing;
using Merganser.Tokenizers;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Embeddings;

/// <summary>
/// Vectors of texts: BERT, RoBERTa, XLM-R, the encoder of T5, decoder-only models (their hidden states after the final norm), CLIP. Pooling, dense
/// layers, prompts and length as a sentence-transformers folder says; other folders: the projection of CLIP, the last token of decoders, else the mean.
/// </summary>
public sealed class TextEmbedder : Embedder<string>
{
    private readonly PretrainedModel _model;
    private readonly SentenceModules _modules;
    private readonly DenseModule[] _dense;
    private readonly TokenRows _tokens;
    private readonly string _prompt;
    private readonly int _unpooled;

    private TextEmbedder(PretrainedModel model, Tokenizer tokenizer, SentenceModules modules, DenseModule[] dense, EmbeddingOptions options)
        : base(model, options)
    {
        (_model, _modules, _dense) = (model, modules, dense);
        Pooling usual = model is ClipModel ? Pooling.Pooler : model is CausalLm ? Pooling.Last : Pooling.Mean;
        Poolings = options.Pooling is { } chosen ? [chosen] : modules.Poolings.Count > 0 ? modules.Poolings : [usual];
        Normalizes = options.Normalize ?? modules.Normalizes;
        int? most = model switch { EncoderModel encoder => encoder.MaxTokens, CausalLm decoder => decoder.MaxPositions, ClipModel clip => clip.Text.MaxPositions, _ => null };
        int? wanted = options.MaxTokens ?? modules.MaxTokens;
        _tokens = new TokenRows(tokenizer, wanted is { } limit && !(limit > most) ? limit : most);
        _prompt = modules.Prompt(options);
        if (!modules.PoolsPrompt && _prompt.Length > 0)
        {
            // The prompt's tokens without the special one at its end.
            int[] ids = tokenizer.EncodeToIds(_prompt), plain = tokenizer.EncodeToIds(_prompt, addSpecialTokens: false);
            _unpooled = ids.Length - (ids.Length > plain.Length && ids[^1] != plain[^1] ? 1 : 0);
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Pooling> Poolings { get; }

    /// <inheritdoc/>
    public override bool Normalizes { get; }

    /// <summary>How the encoder is run, besides the mask; asked once for each batch. Encoder models only.</summary>
    public Func<EncoderInput>? Input { get; init; }

    /// <summary>Opens a folder, or a repository in the local cache.</summary>
    /// <exception cref="MerganserException">The model cannot be loaded, is none of texts, or does not have the wanted pooling.</exception>
    public static TextEmbedder Load(string folder, EmbeddingOptions? options = null, ModelOptions? model = null)
    {
        SentenceModules modules = SentenceModules.Read(folder);
        return Load(PretrainedModel.Load(modules.Model, model), modules, options);
    }

    /// <summary>Takes a loaded model over, which is disposed if it does not do.</summary>
    internal static TextEmbedder Load(PretrainedModel model, SentenceModules modules, EmbeddingOptions? options)
    {
        var dense = new List<DenseModule>();
        try
        {
            if (model is not (EncoderModel or CausalLm or ClipModel))
                throw new MerganserException($"{model.Source}: {model.GetType().Name} makes no vectors of texts; BERT, RoBERTa, XLM-R, T5EncoderModel, decoder-only models and CLIP do");
            foreach (string folder in modules.Dense)
                dense.Add(DenseModule.Load(folder));
            var result = new TextEmbedder(model, Tokenizer.Load(model.Source!), modules, [.. dense], options ?? new EmbeddingOptions());
            if (result.Poolings.Contains(Pooling.Pooler) != model is ClipModel && (model is ClipModel || !HasPooler(model)))
                throw new MerganserException(model is ClipModel ? $"{model.Source}: CLIP pools texts itself; leave the pooling out" : $"{model.Source}: the model has no pooler; take mean, cls or last");
            return result;
        }
        catch
        {
            dense.ForEach(module => module.Dispose());
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Array.ForEach(_dense, module => module.Dispose());
        base.Dispose(disposing);
    }

    private protected override IEnumerable<(int[] Chosen, Func<Tensor> Vectors)> Batches(IReadOnlyList<string> items, int batch)
    {
        int[][] rows = new int[items.Count][];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = _tokens.Encode(_prompt + (_modules.LowerCases ? items[i].ToLowerInvariant() : items[i]));
        foreach (int[] chosen in TokenRows.Batches(rows, batch))
            yield return (chosen, () => Vectors([.. chosen.Select(place => rows[place])]));
    }

    private static bool HasPooler(PretrainedModel model) => model is BertModel bert && bert.Parameters.All.Any(parameter => parameter.IsPresent && parameter.Name.EndsWith("pooler.dense.weight", StringComparison.Ordinal));

    private Tensor Vectors(int[][] rows)
    {
        (Tensor ids, Tensor mask) = TokenRows.Pad(rows, _model is BertModel { Shape.Padding: var pad } ? pad : 0, _model.Device);
        if (_model is ClipModel clip)
            return Projected(clip.EncodeTexts(ids, mask));
        Tensor hidden;
        Tensor? pooled = null;
        if (_model is EncoderModel encoder)
        {
            EncoderInput input = (Input?.Invoke() ?? new EncoderInput()) with { Mask = mask };
            EncoderOutput output = encoder.Forward(ids, Poolings.Contains(Pooling.Pooler) ? input : input with { TrunkOnly = true });
            (hidden, pooled) = (output.LastHiddenState, output.Pooled);
        }
        else
        {
            var decoder = (CausalLm)_model;
            TokenIds.Check(ids, decoder.VocabularySize, decoder.MaxPositions, "token ids");
            CausalState state = CausalState.Of(ids, new CausalInput { Mask = mask });
            hidden = decoder.Finish(decoder.RunLayers(0, decoder.Layers, decoder.Embed(ids, state.Positions), state));
        }

        if (_unpooled > 0)
            mask.narrow(1, 0, Math.Min(_unpooled, mask.shape[1])).zero_();
        Tensor[] parts = [.. Poolings.Select(pooling => pooling == Pooling.Pooler ? pooled!.to(ScalarType.Float32) : TokenPooling.Apply(hidden, mask, pooling))];
        return Projected(parts.Length == 1 ? parts[0] : cat(parts, 1));
    }

    private Tensor Projected(Tensor rows)
    {
        rows = rows.to(ScalarType.Float32);
        foreach (DenseModule dense in _dense)
            rows = dense.Forward(rows);
        return rows;
    }
}
