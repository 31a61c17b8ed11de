using static TorchSharp.torch;

namespace Merganser.Neural.Models;

/// <summary>
/// LoRA ("LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685): a layer gives x·Wᵀ + s·(drop(x)·Aᵀ)·Bᵀ with A [r, in] and
/// B [out, r]; W stays as it is. B begins as zeros, so a new adapter changes nothing.
/// </summary>
internal sealed class LowRankAdapter(Tensor a, Tensor b, double scale, double dropout) : IDisposable
{
    public Tensor A { get; } = a;

    public Tensor B { get; } = b;

    /// <summary>What the mask of dropped inputs is drawn from; null: nothing is dropped.</summary>
    public ulong? DropSeed { get; set; }

    public Tensor Add(Tensor output, Tensor input) => output + (nn.functional.linear(nn.functional.linear(Dropped(input), A), B) * scale);

    /// <summary>s·B·A, in float32, as it is added to a weight [out, in].</summary>
    public Tensor Product() => B.to(ScalarType.Float32).matmul(A.to(ScalarType.Float32)) * scale;

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
    }

    private Tensor Dropped(Tensor input)
    {
        if (DropSeed is not { } seed || dropout == 0)
            return input;
        // A generator of its own: the mask depends on the seed alone, so that a run can be taken up again.
        using var generator = new Generator(seed, input.device);
        Tensor kept = rand(input.shape, device: input.device, generator: generator).ge(dropout);
        return input * (kept.to(input.dtype) / (1 - dropout));
    }
}
