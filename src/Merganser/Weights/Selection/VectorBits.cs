using System.Numerics;

namespace Merganser.Weights.Selection;

/// <summary>Other readings of a vector's bits, as methods.</summary>
internal static class VectorBits
{
    public static Vector<int> AsVectorInt32(this Vector<float> vector) => Vector.AsVectorInt32(vector);

    public static Vector<int> AsVectorInt32(this Vector<uint> vector) => Vector.AsVectorInt32(vector);

    public static Vector<float> AsVectorSingle(this Vector<int> vector) => Vector.AsVectorSingle(vector);
}
