using System.Numerics;

namespace Merganser.Checkpoints.Casting;

/// <summary>
/// A group of 32-bit lanes: one scalar or a vector of 4, 8 or 16. The conversions are written once against this, so that the
/// vector widths and the scalar tail cannot differ. Comparisons give all-ones or zero masks; shifts are logical.
/// </summary>
internal interface ILanes<TSelf> :
    IBitwiseOperators<TSelf, TSelf, TSelf>,
    IAdditionOperators<TSelf, TSelf, TSelf>,
    ISubtractionOperators<TSelf, TSelf, TSelf>,
    IShiftOperators<TSelf, int, TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>The number of lanes.</summary>
    static abstract int Count { get; }

    /// <summary>The same value in all lanes.</summary>
    static abstract TSelf All(uint value);

    /// <summary>Mask of the lanes where left &gt; right, unsigned.</summary>
    static abstract TSelf Greater(TSelf left, TSelf right);

    /// <summary>True when left &gt; right in any lane; both are below 2^31.</summary>
    static abstract bool AnyGreater(TSelf left, TSelf right);

    /// <summary>Lanes of <paramref name="yes"/> where the mask is set, else of <paramref name="no"/>.</summary>
    static abstract TSelf Select(TSelf mask, TSelf yes, TSelf no);

    /// <summary>The smaller of both, unsigned.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>The larger of both, unsigned.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>Sum of the lanes read as binary32.</summary>
    static abstract TSelf AddSingle(TSelf left, TSelf right);

    /// <summary>Product of the lanes read as binary32.</summary>
    static abstract TSelf MultiplySingle(TSelf left, TSelf right);

    /// <summary>The largest lane, unsigned.</summary>
    uint Largest();

    /// <summary>Reads one byte for each lane.</summary>
    static abstract TSelf Load8(ref byte source);

    /// <summary>Reads two bytes for each lane.</summary>
    static abstract TSelf Load16(ref byte source);

    /// <summary>Reads four bytes for each lane.</summary>
    static abstract TSelf Load32(ref byte source);

    /// <summary>Writes the low byte of each lane.</summary>
    void Store8(ref byte destination);

    /// <summary>Writes the low two bytes of each lane.</summary>
    void Store16(ref byte destination);

    /// <summary>Writes each lane.</summary>
    void Store32(ref byte destination);
}
