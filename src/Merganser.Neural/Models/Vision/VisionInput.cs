using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Vision;

/// <summary>How a vision encoder is run.</summary>
public sealed record VisionInput
{
    /// <summary>Called inside every block.</summary>
    public IBlockHook? Hook { get; init; }

    /// <summary>A token that stands for several counts as several in attention: ln(size) is added to the score of its key.</summary>
    public bool ProportionalAttention { get; init; } = true;

    /// <summary>The same in heads that pool over tokens by attention.</summary>
    public bool ProportionalPooling { get; init; } = true;

    /// <summary>Every block's output is wanted.</summary>
    public bool HiddenStates { get; init; }

    /// <summary>Images of another size than the model was made for: the position table is interpolated, bicubic. Otherwise they are an error.</summary>
    public bool InterpolatePositions { get; init; }

    /// <summary>Only this many blocks are run, and no head; all if left out. What a language model takes as hidden state −2 is one block less than all.</summary>
    public int? Blocks { get; init; }
}

/// <summary>The result of a vision encoder and its head. What the architecture does not have is null.</summary>
/// <param name="State">The tokens after the last block that was run, before the final norm.</param>
public sealed record VisionOutput(TokenState State)
{
    /// <summary>The embeddings, then the output of each block, [B, N, C] each, if they were asked for.</summary>
    public IReadOnlyList<Tensor> HiddenStates { get; init; } = [];

    /// <summary>What the architecture calls its last hidden state, [B, N, C]: after the final norm, except in CLIP.</summary>
    public Tensor? LastHidden { get; init; }

    /// <summary>One vector per image, [B, C].</summary>
    public Tensor? Pooled { get; init; }

    /// <summary>The pooled vector in the space shared with text, not normalised, [B, P].</summary>
    public Tensor? Embedding { get; init; }

    /// <summary>A score per class, [B, classes].</summary>
    public Tensor? Logits { get; init; }

    /// <summary>The part of <see cref="Logits"/> that comes from the class token, in models with two heads.</summary>
    public Tensor? ClassLogits { get; init; }

    /// <summary>The part of <see cref="Logits"/> that comes from the distillation token, in models with two heads.</summary>
    public Tensor? DistillationLogits { get; init; }

    /// <summary>Hands the tensors to the caller's scope.</summary>
    internal VisionOutput MovedOut(DisposeScope scope)
    {
        // Several may be one tensor; the scope ignores what it no longer owns.
        foreach (Tensor? tensor in (IEnumerable<Tensor?>)[State.Tokens, State.Size, State.Groups, LastHidden, Pooled, Embedding, Logits, ClassLogits, DistillationLogits, .. HiddenStates])
        {
            if (tensor is not null && scope.Contains(tensor))
                scope.MoveToOuter(tensor);
        }

        return this;
    }
}
