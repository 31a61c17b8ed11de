using System.Runtime.Intrinsics;
using Merganser.Weights.Execution;

namespace Merganser.Weights.Selection;

/// <summary>
/// What <see cref="TaskVectorMerger"/> does when everything is stored in bfloat16 and nothing is rounded in between: one bit for each
/// element tells what the sparsifiers keep, and the arithmetic works on the stored words. Float32 values live in registers only.
/// </summary>
internal sealed unsafe class StoredTaskVectors
{
    private readonly Sparsifier?[] _sparsifiers;
    private readonly TaskVectorRule _rule;
    private readonly int _group;
    private readonly byte[][] _bits;

    /// <summary>Makes room for the bits of a group of elements of every model.</summary>
    public StoredTaskVectors(Sparsifier?[] sparsifiers, TaskVectorRule rule)
    {
        _sparsifiers = sparsifiers;
        _rule = rule;
        _group = StoredCollect.MaxElements;
        foreach (Sparsifier? sparsifier in sparsifiers)
        {
            if (sparsifier is null)
                continue;
            CanSelect &= sparsifier.CanSelectStored;
            if (sparsifier.Granularity == Granularity.Rows && CanSelect)
                _group = sparsifier.StoredElements;
        }

        _bits = new byte[sparsifiers.Length][];
        for (int model = 0; model < _bits.Length; model++)
        {
            _bits[model] = GC.AllocateUninitializedArray<byte>((_group / 8) + StoredBits.Spare, pinned: true);
            _bits[model].AsSpan().Fill(0xFF);
        }
    }

    /// <summary>True when all sparsifiers can.</summary>
    public bool CanSelect { get; } = true;

    /// <summary>Shows a chunk to the sparsifiers that want a scan; false, and nothing is shown, when one of them cannot see it like this.</summary>
    public bool TryScan(in BFloat16Tile tile, ReadOnlySpan<bool> wanted)
    {
        for (int model = 0; model < _sparsifiers.Length; model++)
        {
            if (wanted[model] && !_sparsifiers[model]!.CanScanStored)
                return false;
        }

        for (int model = 0; model < _sparsifiers.Length; model++)
        {
            if (wanted[model])
                _sparsifiers[model]!.ScanStored(tile.Base, tile.Model(model), tile.Count);
        }

        return true;
    }

    /// <summary>Adds up the absolute values of the sparse task vectors, before and after.</summary>
    public void Sum(in BFloat16Tile tile, Span<double> sums, Span<double> keptSums)
    {
        for (int begin = 0; begin < tile.Count; begin += _group)
        {
            int count = Math.Min(_group, tile.Count - begin);
            for (int model = 0; model < _sparsifiers.Length; model++)
            {
                if (_sparsifiers[model] is not { } sparsifier)
                    continue;
                byte* bits = Bits(model);
                sparsifier.SelectStored(tile.Base + begin, tile.Model(model) + begin, tile.Start + begin, count, bits);
                StoredSums.Of(tile.Base + begin, tile.Model(model) + begin, bits, count, out double all, out double kept);
                sums[model] += all;
                keptSums[model] += kept;
            }
        }
    }

    /// <summary>Writes a chunk of the result; false, as if nothing had happened, when an input is NaN or infinite.</summary>
    public bool TryApply(in BFloat16Tile tile, ReadOnlySpan<float> factors)
    {
        foreach (Sparsifier? sparsifier in _sparsifiers)
            sparsifier?.Mark();
        Election? election = _rule.Consensus ? new Election((float)_rule.Lambda, _rule.Normalize) : null;
        Vector256<ushort> largest = default;
        Span<StoredInput> inputs = _sparsifiers.Length <= 64 ? stackalloc StoredInput[_sparsifiers.Length] : new StoredInput[_sparsifiers.Length];
        for (int begin = 0; begin < tile.Count; begin += _group)
        {
            int count = Math.Min(_group, tile.Count - begin);
            for (int model = 0; model < inputs.Length; model++)
            {
                ushort* values = tile.Model(model) + begin;
                byte* bits = Bits(model);
                _sparsifiers[model]?.SelectStored(tile.Base + begin, values, tile.Start + begin, count, bits);
                inputs[model] = new StoredInput(values, bits, factors[model], _rule.Weights[model]);
            }

            StoredCombine.Run(tile.Base + begin, inputs, election, tile.Output + begin, count, ref largest);
        }

        if (!Vector256.GreaterThanOrEqualAny(largest, Vector256.Create(BFloat16Tile.Infinity)))
            return true;
        foreach (Sparsifier? sparsifier in _sparsifiers)
            sparsifier?.Rewind();
        return false;
    }

    // Pinned when it was made.
    private byte* Bits(int model) => (byte*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_bits[model], 0);
}
