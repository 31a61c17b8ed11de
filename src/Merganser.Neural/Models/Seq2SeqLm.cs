using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// An encoder and a decoder that looks at it. <see cref="Encode"/> once, then <see cref="Decode"/> with a <see cref="Seq2SeqCache"/> token by
/// token, or <see cref="Forward"/> over both. An architecture says how inputs are embedded and what one layer of each side does.
/// </summary>
public abstract class Seq2SeqLm(ModelConfig config, ModelOptions options) : PretrainedModel(config, options)
{
    /// <summary>The number of layers of the encoder.</summary>
    public abstract int EncoderLayers { get; }

    /// <summary>The number of layers of the decoder.</summary>
    public abstract int DecoderLayers { get; }

    /// <summary>The number of token ids.</summary>
    public abstract int VocabularySize { get; }

    /// <summary>The most tokens of the decoder; none where positions are relative.</summary>
    public abstract int? MaxTargetTokens { get; }

    /// <summary>The id that every decoder row begins with.</summary>
    public abstract int StartToken { get; }

    /// <summary>The id that ends a row, if there is one.</summary>
    public abstract int? EndToken { get; }

    /// <summary>The id that fills rows up.</summary>
    public abstract int PaddingToken { get; }

    /// <summary>The decoder's relative positions, if it has them.</summary>
    internal virtual RelativePositionBias? TargetPositions => null;

    /// <summary>Runs the encoder.</summary>
    /// <param name="source">Token ids int64 [B, S], or features, as the architecture says.</param>
    /// <param name="input">Mask and wishes.</param>
    public EncoderOutput Encode(Tensor source, EncoderInput? input = null)
    {
        input ??= new EncoderInput();
        using DisposeScope scope = NewDisposeScope();
        (Tensor hidden, EncoderState state) = BeginEncoder(source, input);
        List<Tensor>? states = input.HiddenStates ? [] : null;
        hidden = FinishEncoder(LayerLoop.Run(0, EncoderLayers, hidden, Parameters.Options.Trainable || state.KeepsTensors, (layer, x) => RunEncoderLayer(layer, x, state), states));
        states?.Add(hidden);
        LayerLoop.Keep(scope, states ?? [hidden], state.Attentions);
        return new EncoderOutput(hidden) { HiddenStates = states ?? [], Attentions = state.Attentions };
    }

    /// <summary>Runs the decoder.</summary>
    /// <param name="ids">int64 [B, T].</param>
    /// <param name="input">The encoder's states, masks, cache, wishes.</param>
    /// <exception cref="MerganserException">More tokens than positions, or ids outside the vocabulary.</exception>
    public Seq2SeqOutput Decode(Tensor ids, Seq2SeqInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        using DisposeScope scope = NewDisposeScope();
        TokenIds.Check(ids, VocabularySize, null, "decoder token ids");
        var state = new Seq2SeqState(ids, input, TargetPositions);
        long longest = input.Positions is null ? (input.Cache?.SeenTokens ?? 0) + ids.shape[1] : input.Positions.max().item<long>() + 1;
        if (longest > MaxTargetTokens)
            throw new MerganserException($"{longest} tokens are too many for this decoder, which takes at most {MaxTargetTokens}; ask for a shorter output or split the input");
        List<Tensor>? states = input.HiddenStates ? [] : null;
        Tensor hidden = LayerLoop.Run(0, DecoderLayers, EmbedTarget(ids, state.Positions), Parameters.Options.Trainable || state.KeepsTensors, (layer, x) => RunDecoderLayer(layer, x, state), states);
        input.Cache?.Self.Saw(ids.shape[1]);
        hidden = FinishDecoder(hidden);
        states?.Add(hidden);
        Tensor logits = Head(input.LastLogitsOnly ? hidden.narrow(1, hidden.shape[1] - 1, 1) : hidden);
        LayerLoop.Keep(scope, [.. states ?? [], logits], [.. state.Attentions, .. state.CrossAttentions]);
        return new Seq2SeqOutput(logits) { HiddenStates = states ?? [], Attentions = state.Attentions, CrossAttentions = state.CrossAttentions };
    }

    /// <summary>Encoder and decoder over whole sequences: logits [B, T, V].</summary>
    /// <param name="source">Token ids or features.</param>
    /// <param name="ids">The decoder's ids, int64 [B, T]; see <see cref="ShiftRight"/>.</param>
    /// <param name="mask">1 or true where a token of the source is real.</param>
    /// <param name="decoderMask">1 or true where a token of the decoder is real.</param>
    public Tensor Forward(Tensor source, Tensor ids, Tensor? mask = null, Tensor? decoderMask = null)
    {
        using DisposeScope scope = NewDisposeScope();
        EncoderOutput encoded = Encode(source, new EncoderInput { Mask = mask });
        return scope.MoveToOuter(Decode(ids, new Seq2SeqInput { EncoderStates = encoded.LastHiddenState, EncoderMask = mask, Mask = decoderMask }).Logits);
    }

    /// <summary>Labels int64 [B, T] as the decoder's input: the start id in front, the last label dropped, −100 as padding.</summary>
    public Tensor ShiftRight(Tensor labels)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor start = full([labels.shape[0], 1], StartToken, dtype: ScalarType.Int64, device: labels.device);
        Tensor shifted = cat([start, labels.narrow(1, 0, labels.shape[1] - 1)], 1);
        return scope.MoveToOuter(shifted.masked_fill(shifted.eq(-100), PaddingToken));
    }

    /// <summary>The most likely continuation, int64 [B, prompt + new]; rows that have ended are filled up with padding.</summary>
    /// <param name="source">Token ids or features.</param>
    /// <param name="newTokens">The most tokens to add; fewer where the decoder has no more positions.</param>
    /// <param name="mask">1 or true where a token of the source is real.</param>
    /// <param name="prompt">The decoder's first ids, int64 [B, P]; the start id if left out.</param>
    /// <param name="stopAtEnd">Rows end with <see cref="EndToken"/>.</param>
    public Tensor Greedy(Tensor source, int newTokens, Tensor? mask = null, Tensor? prompt = null, bool stopAtEnd = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(newTokens);
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor states = Encode(source, new EncoderInput { Mask = mask }).LastHiddenState;
        Tensor next = prompt ?? full([states.shape[0], 1], StartToken, dtype: ScalarType.Int64, device: source.device);
        var parts = new List<Tensor> { next };
        Tensor ended = zeros([states.shape[0], 1], dtype: ScalarType.Bool, device: source.device);
        using var cache = new Seq2SeqCache(DecoderLayers);
        // The last token that is added needs no position of its own.
        long room = MaxTargetTokens is { } most ? Math.Max(0, most - next.shape[1] + 1) : newTokens;
        for (int step = 0; step < Math.Min(newTokens, room); step++)
        {
            Seq2SeqOutput output = Decode(next, new Seq2SeqInput { EncoderStates = states, EncoderMask = mask, Cache = cache, LastLogitsOnly = true });
            next = output.Logits.argmax(-1).masked_fill(ended, PaddingToken);
            output.Logits.Dispose();
            parts.Add(next);
            if (!stopAtEnd || EndToken is not { } end)
                continue;
            ended = ended.logical_or(next.eq(end));
            if (ended.all().ToBoolean())
                break;
        }

        return scope.MoveToOuter(cat([.. parts], 1));
    }

    /// <summary>Hidden states of the decoder after its final norm → logits [B, T, V].</summary>
    public abstract Tensor Head(Tensor hidden);

    /// <summary>The input of the first layer of the encoder, and what its layers share.</summary>
    protected abstract (Tensor Hidden, EncoderState State) BeginEncoder(Tensor source, EncoderInput input);

    /// <summary>What one layer of the encoder does: [B, S, D] → [B, S, D].</summary>
    protected abstract Tensor RunEncoderLayer(int layer, Tensor hidden, EncoderState state);

    /// <summary>The final norm of the encoder.</summary>
    protected abstract Tensor FinishEncoder(Tensor hidden);

    /// <summary>The decoder's token ids int64 [B, T] and positions → [B, T, D].</summary>
    protected abstract Tensor EmbedTarget(Tensor ids, Tensor positions);

    /// <summary>What one layer of the decoder does: [B, T, D] → [B, T, D].</summary>
    protected abstract Tensor RunDecoderLayer(int layer, Tensor hidden, Seq2SeqState state);

    /// <summary>The final norm of the decoder.</summary>
    protected abstract Tensor FinishDecoder(Tensor hidden);
}
