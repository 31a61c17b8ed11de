using System.Buffers;

namespace Merganser.Weights.Selection;

/// <summary>Keeps every element with the same probability, independently (DARE).</summary>
/// <param name="draws">Random numbers, by flat index.</param>
/// <param name="density">The probability.</param>
/// <param name="elements">Elements of the tensor.</param>
internal sealed unsafe class RandomSparsifier(DrawStream draws, double density, long elements) : Sparsifier
{
    /// <summary>Tensors with more bits than this are drawn again in every pass.</summary>
    private const long MaxKeptBytes = 1 << 28;

    private readonly uint _threshold = DrawStream.Threshold(density);

    // The decisions of a pass that is not the last one, one bit for an element.
    private byte[]? _kept;
    private bool _isLast;

    public override bool IsStateless => true;

    public override bool CanSelectStored => true;

    public override void Apply(Span<float> delta, long start) => draws.KeepBelow(_threshold, start, delta);

    public override void BeginPass(bool isLast)
    {
        _isLast = isLast;
        long bytes = ((elements + 7) / 8) + StoredBits.Spare;
        if (!isLast && bytes <= MaxKeptBytes)
            _kept ??= ArrayPool<byte>.Shared.Rent((int)bytes);
    }

    public override void SelectStored(ushort* origin, ushort* model, long start, int count, byte* bits)
    {
        if (_kept is null)
        {
            draws.SelectBelow(_threshold, start, count, bits);
            return;
        }

        Span<byte> kept = _kept.AsSpan((int)(start / 8), (count + 7) / 8);
        if (!_isLast)
        {
            draws.SelectBelow(_threshold, start, count, bits);
            new ReadOnlySpan<byte>(bits, kept.Length).CopyTo(kept);
            return;
        }

        kept.CopyTo(new Span<byte>(bits, kept.Length));
        if (start + count == elements)
        {
            ArrayPool<byte>.Shared.Return(_kept);
            _kept = null;
        }
    }
}
