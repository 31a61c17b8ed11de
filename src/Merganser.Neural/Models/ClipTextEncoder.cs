using Merganser.Neural.Models.Layers;
using Merganser.Neural.Models.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// The text part of CLIP: token and position tables, causal blocks with norms in front, a final norm over all tokens. The pooled token is the
/// first one with the id of the end; where the configuration says 2 (older files, whose tokenizers end with the largest id): the first largest id.
/// </summary>
public sealed class ClipTextEncoder
{
    private const string Trunk = "text_model.";
    private const int OlderEnd = 2;
    private readonly Embedding _tokens, _positions;
    private readonly EncoderBlock[] _blocks;
    private readonly LayerNorm _norm;
    private readonly int _end;

    internal ClipTextEncoder(ModelConfig config, ModelParameters parameters)
    {
        Width = config.Size("hidden_size", 512);
        VocabularySize = config.Size("vocab_size", 49408);
        MaxPositions = config.Size("max_position_embeddings", 77);
        _end = config.Int("eos_token_id", 49407);
        int heads = config.Size("num_attention_heads", 8), intermediate = config.Size("intermediate_size", 2048);
        if (Width % heads != 0)
            throw config.Wrong("num_attention_heads", $"a divisor of hidden_size, {Width}");
        double epsilon = config.Number("layer_norm_eps", 1e-5);
        Func<Tensor, Tensor> activation = Activation.Of(config, "hidden_act", "quick_gelu");
        _tokens = new Embedding(parameters, $"{Trunk}embeddings.token_embedding", VocabularySize, Width);
        _positions = new Embedding(parameters, $"{Trunk}embeddings.position_embedding", MaxPositions, Width);
        _blocks = [.. Enumerable.Range(0, config.Size("num_hidden_layers", 12)).Select(block =>
            new EncoderBlock(parameters, VisionNames.Clip, Trunk, block, Width, heads, intermediate, epsilon, qkvBias: true, activation))];
        _norm = new LayerNorm(parameters, $"{Trunk}final_layer_norm", Width, epsilon);
    }

    /// <summary>The width of the tokens.</summary>
    public int Width { get; }

    /// <summary>The number of token ids.</summary>
    public int VocabularySize { get; }

    /// <summary>The longest text in tokens.</summary>
    public int MaxPositions { get; }

    /// <summary>Token ids int64 [B, T], 1 or true where a token is real [B, T] (all if left out) → all tokens [B, T, C] and the pooled one [B, C].</summary>
    /// <exception cref="MerganserException">The text is longer than the position table.</exception>
    public (Tensor Hidden, Tensor Pooled) Forward(Tensor ids, Tensor? mask = null)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.dim() != 2 || ids.shape[1] == 0)
            throw new ArgumentException($"token ids are [batch, tokens] with at least one token, not [{string.Join(", ", ids.shape)}]", nameof(ids));
        long length = ids.shape[1];
        if (length > MaxPositions)
            throw new MerganserException($"the text has {length} tokens; the model takes at most {MaxPositions}");
        using DisposeScope scope = NewDisposeScope();
        Tensor positions = arange(length, ScalarType.Int64, ids.device).unsqueeze(0);
        var bias = new AttentionBias { IsCausal = true, IsAligned = true, QueryPositions = positions, KeyPositions = positions, KeyMask = mask?.to(ScalarType.Bool) };
        var state = new TokenState(_tokens.Forward(ids) + _positions.Forward(positions));
        foreach (EncoderBlock block in _blocks)
            state = block.Forward(state, bias);
        Tensor hidden = _norm.Forward(state.Tokens);

        // Without any end token the first token is pooled, as the reference does.
        Tensor marks = _end == OlderEnd ? ids : ids.eq(_end).to(ScalarType.Int32);
        Tensor index = marks.argmax(-1).view(-1, 1, 1).expand(ids.shape[0], 1, Width);
        return (scope.MoveToOuter(hidden), scope.MoveToOuter(hidden.gather(1, index).squeeze(1)));
    }
}
