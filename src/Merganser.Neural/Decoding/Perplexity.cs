using Merganser.Neural.Models;
using Merganser.Tokenizers;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Decoding;

/// <summary>How well a model predicts a text.</summary>
/// <param name="Tokens">The number of predicted tokens.</param>
/// <param name="NegativeLogLikelihood">The sum over them, in nats.</param>
/// <param name="Bytes">The UTF-8 bytes of the text.</param>
public sealed record Perplexity(long Tokens, double NegativeLogLikelihood, long Bytes)
{
    /// <summary>exp of the mean negative log-likelihood per token; models with other tokenizers cannot be compared by it.</summary>
    public double PerToken => Math.Exp(NegativeLogLikelihood / Tokens);

    /// <summary>Bits per byte of text; comparable between tokenizers.</summary>
    public double BitsPerByte => NegativeLogLikelihood / Math.Log(2) / Bytes;

    /// <summary>Measures a text in windows: each holds <paramref name="context"/> tokens and scores those that no window before it scored.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="text">The text, at least two tokens.</param>
    /// <param name="context">Tokens in a window, at least 2.</param>
    /// <param name="stride">How far the window moves, 1 to <paramref name="context"/>; smaller gives more context and takes longer.</param>
    /// <param name="progress">Told the share that is done.</param>
    /// <param name="cancellation">Stops between windows.</param>
    /// <exception cref="MerganserException">The text has fewer than two tokens, or an argument is out of range.</exception>
    public static Perplexity Measure(CausalLm model, Tokenizer tokenizer, string text, int context, int stride, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        if (context < 2 || context > model.MaxPositions)
            throw new MerganserException($"context is {context}; it must be from 2 to the model's {model.MaxPositions}");
        if (stride < 1 || stride > context)
            throw new MerganserException($"stride is {stride}; it must be from 1 to the context, {context}");
        int[] ids = [.. tokenizer.EncodeToIds(text)];
        if (ids.Length < 2)
            throw new MerganserException("the text has fewer than two tokens: nothing can be predicted");
        double sum = 0;
        int scored = 1; // ids before this one are scored, or are the first
        for (int next = 0; scored < ids.Length; next += stride)
        {
            int start = Math.Min(next, scored - 1); // the first scored token needs one before it
            cancellation.ThrowIfCancellationRequested();
            using IDisposable quiet = no_grad();
            using DisposeScope scope = NewDisposeScope();
            int end = Math.Min(start + context, ids.Length);
            if (end <= scored)
                continue;
            long[] window = [.. ids[start..end].Select(id => (long)id)];
            Tensor input = tensor(window, [1, window.Length], device: model.Device);
            Tensor logits = model.Forward(input).Logits[0];
            int first = scored - start;
            Tensor log = logits.narrow(0, first - 1, window.Length - first).to(ScalarType.Float32).log_softmax(-1);
            Tensor targets = input[0].narrow(0, first, window.Length - first).unsqueeze(-1);
            sum -= log.gather(-1, targets).to(ScalarType.Float64).sum().item<double>();
            scored = end;
            progress?.Report((double)scored / ids.Length);
        }

        return new Perplexity(ids.Length - 1, sum, System.Text.Encoding.UTF8.GetByteCount(text));
    }
}
