using Merganser.Neural.Models;
using static TorchSharp.torch;

namespace Merganser.Neural.Training;

/// <summary>Next tokens: windows of <c>context</c> tokens over a stream, side by side; every token but the stream's first is predicted once an epoch.</summary>
public sealed class CausalTask : TrainingTask
{
    private const int EvaluationBatch = 16;
    private readonly CausalLm _model;
    private readonly int[] _tokens;
    private readonly int[] _heldOut;
    private readonly int _context;

    /// <summary>Takes the tokens to learn and those to measure on (may be empty).</summary>
    /// <exception cref="MerganserException">Fewer tokens than a window needs, or a window longer than the model's context.</exception>
    public CausalTask(CausalLm model, int[] tokens, int[] heldOut, int context)
    {
        (_model, _tokens, _heldOut, _context) = (model, tokens, heldOut, context);
        if (context < 1 || context > model.MaxPositions)
            throw new MerganserException($"context is {context}; it must be from 1 to the model's {model.MaxPositions}");
        if (tokens.Length <= context)
            throw new MerganserException($"the texts have {tokens.Length} tokens; a window needs {context + 1}");
        if (tokens.Concat(heldOut).Any(id => id < 0 || id >= model.VocabularySize))
            throw new MerganserException($"the texts have token ids beyond the model's {model.VocabularySize}; is it the model's tokenizer?");
    }

    /// <inheritdoc/>
    public override int Count => (_tokens.Length - 1) / _context;

    /// <inheritdoc/>
    public override string Unit => "tokens";

    /// <inheritdoc/>
    public override TrainingLoss Loss(TrainingBatch batch) => new(Loss(_tokens, batch.Examples), (long)_context * batch.Examples.Length);

    /// <inheritdoc/>
    public override TrainingEvaluation? Evaluate()
    {
        int windows = (_heldOut.Length - 1) / _context;
        if (windows < 1)
            return null;
        double sum = 0;
        for (int start = 0; start < windows; start += EvaluationBatch)
        {
            using TorchSharp.DisposeScope scope = NewDisposeScope();
            int count = Math.Min(EvaluationBatch, windows - start);
            sum += Loss(_heldOut, [.. Enumerable.Range(start, count)]).item<float>() * count;
        }

        return new TrainingEvaluation(sum / windows);
    }

    private Tensor Loss(int[] tokens, int[] windows)
    {
        long[] ids = new long[windows.Length * (_context + 1)];
        for (int row = 0; row < windows.Length; row++)
        {
            for (int i = 0; i <= _context; i++)
                ids[(row * (_context + 1)) + i] = tokens[(windows[row] * _context) + i];
        }

        Tensor all = tensor(ids, [windows.Length, _context + 1], device: _model.Device);
        Tensor logits = _model.Forward(all.narrow(1, 0, _context)).Logits;
        return nn.functional.cross_entropy(logits.to(ScalarType.Float32).reshape(-1, logits.shape[^1]), all.narrow(1, 1, _context).reshape(-1));
    }
}
