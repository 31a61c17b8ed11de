using System.Runtime.CompilerServices;

namespace Merganser.Checkpoints.Casting;

/// <summary>One lane, for tails and machines without vectors.</summary>
internal readonly struct ScalarLane(uint value) : ILanes<ScalarLane>
{
    private readonly uint _value = value;

    public static int Count => 1;

    public static ScalarLane All(uint value) => new(value);

    public static ScalarLane operator &(ScalarLane left, ScalarLane right) => new(left._value & right._value);

    public static ScalarLane operator |(ScalarLane left, ScalarLane right) => new(left._value | right._value);

    public static ScalarLane operator ^(ScalarLane left, ScalarLane right) => new(left._value ^ right._value);

    public static ScalarLane operator ~(ScalarLane value) => new(~value._value);

    public static ScalarLane operator +(ScalarLane left, ScalarLane right) => new(left._value + right._value);

    public static ScalarLane operator -(ScalarLane left, ScalarLane right) => new(left._value - right._value);

    public static ScalarLane operator <<(ScalarLane value, int shift) => new(value._value << shift);

    public static ScalarLane operator >>(ScalarLane value, int shift) => new(value._value >> shift);

    public static ScalarLane operator >>>(ScalarLane value, int shift) => new(value._value >> shift);

    public static ScalarLane Greater(ScalarLane left, ScalarLane right) => new(left._value > right._value ? uint.MaxValue : 0);

    public static bool AnyGreater(ScalarLane left, ScalarLane right) => left._value > right._value;

    public static ScalarLane Select(ScalarLane mask, ScalarLane yes, ScalarLane no) => mask._value != 0 ? yes : no;

    public static ScalarLane Min(ScalarLane left, ScalarLane right) => new(Math.Min(left._value, right._value));

    public static ScalarLane Max(ScalarLane left, ScalarLane right) => new(Math.Max(left._value, right._value));

    public static ScalarLane AddSingle(ScalarLane left, ScalarLane right) =>
        new(BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(left._value) + BitConverter.UInt32BitsToSingle(right._value)));

    public static ScalarLane MultiplySingle(ScalarLane left, ScalarLane right) =>
        new(BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(left._value) * BitConverter.UInt32BitsToSingle(right._value)));

    public uint Largest() => _value;

    public static ScalarLane Load8(ref byte source) => new(source);

    public static ScalarLane Load16(ref byte source) => new(Unsafe.ReadUnaligned<ushort>(ref source));

    public static ScalarLane Load32(ref byte source) => new(Unsafe.ReadUnaligned<uint>(ref source));

    public void Store8(ref byte destination) => destination = (byte)_value;

    public void Store16(ref byte destination) => Unsafe.WriteUnaligned(ref destination, (ushort)_value);

    public void Store32(ref byte destination) => Unsafe.WriteUnaligned(ref destination, _value);
}
