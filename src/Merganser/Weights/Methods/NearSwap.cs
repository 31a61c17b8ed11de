using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Merganser.Weights.Execution;

namespace Merganser.Weights.Methods;

/// <summary>
/// Takes the other model's value where it lies near the base's: <c>w = clamp(t / max(|a − b|, 10⁻⁶), 0, 1)</c>,
/// <c>θ* = w b + (1 − w) a</c> with a the base. As in mergekit (`nearswap`), after alchemonaut's QuartetAnemoi.
/// </summary>
/// <remarks><c>t</c> must be set: differences up to t are taken over whole, larger ones by the share t/|a − b|. In narrow arithmetic the result is rounded once.</remarks>
public sealed class NearSwap : MergeMethod
{
    private static readonly MethodParameter T = MethodParameter.Global("t", null, "differences up to this size are taken over whole");

    /// <inheritdoc/>
    public override string Name => "nearswap";

    /// <inheritdoc/>
    public override string Summary => "the base, moved to the other model where the two are close";

    /// <inheritdoc/>
    public override string Paper => "mergekit, nearswap";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [T];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override int MaxModels => 1;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) => new Merger((float)tensor.Get(T), tensor.Rounding);

    private sealed class Merger(float t, Rounding rounding) : TensorMerger, IBFloat16Merger
    {
        public override bool IsStateless => true;

        public bool TryApply(in BFloat16Tile tile) => !rounding.IsNarrow && tile.Run(new Blend(t));

        public override void Apply(in Tile tile)
        {
            Span<float> output = tile.Output;
            ref float a = ref MemoryMarshal.GetReference(tile.Base);
            ref float b = ref MemoryMarshal.GetReference(tile.Model(0));
            ref float result = ref MemoryMarshal.GetReference(output);
            Vector<float> size = new(t), least = new(1e-6f);
            int i = 0;
            for (; i <= output.Length - Vector<float>.Count; i += Vector<float>.Count)
            {
                Vector<float> x = Vector.LoadUnsafe(ref a, (nuint)i);
                Vector<float> y = Vector.LoadUnsafe(ref b, (nuint)i);
                Vector<float> weight = size / Vector.Max(Vector.Abs(x - y), least);
                weight = Vector.Min(Vector.Max(weight, Vector<float>.Zero), Vector<float>.One);
                ((weight * y) + ((Vector<float>.One - weight) * x)).StoreUnsafe(ref result, (nuint)i);
            }

            for (; i < output.Length; i++)
            {
                float x = tile.Base[i], y = tile.Model(0)[i];
                float weight = Math.Clamp(t / Math.Max(Math.Abs(x - y), 1e-6f), 0, 1);
                output[i] = (weight * y) + ((1 - weight) * x);
            }

            rounding.Apply(output);
        }
    }

    /// <summary>
    /// The same arithmetic on stored bfloat16. The native minimum and maximum treat NaN otherwise, but a NaN or an infinity
    /// still ends up in the result, and the executor looks there.
    /// </summary>
    private readonly struct Blend(float t) : IElementOperator
    {
        private readonly Vector256<float> _size = Vector256.Create(t);

        public static bool ShowsNonFinite => true;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector256<float> Invoke(Vector256<float> origin, Vector256<float> first, Vector256<float> second)
        {
            Vector256<float> weight = _size / Vector256.MaxNative(Vector256.Abs(origin - first), Vector256.Create(1e-6f));
            weight = Vector256.MinNative(Vector256.MaxNative(weight, Vector256<float>.Zero), Vector256<float>.One);
            return (weight * first) + ((Vector256<float>.One - weight) * origin);
        }
    }
}
