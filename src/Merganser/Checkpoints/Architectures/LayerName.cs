using System.Globalization;

namespace Merganser.Checkpoints.Architectures;

/// <summary>The parts of the name of a tensor in a numbered layer: <c>prefix.7.rest</c>. Only the first number counts.</summary>
/// <param name="Prefix">What stands before the number, without the dot.</param>
/// <param name="Layer">The number.</param>
/// <param name="Rest">What stands after it, without the dot.</param>
internal readonly record struct LayerName(string Prefix, int Layer, string Rest)
{
    public const string Placeholder = "${layer_index}";

    // No model has this many; a bigger number in a name is no layer and must not make us count to it.
    private const int MaxLayers = 100_000;

    public static bool TryParse(string name, out LayerName parsed)
    {
        for (int dot = name.IndexOf('.'); dot >= 0; dot = name.IndexOf('.', dot + 1))
        {
            int end = name.IndexOf('.', dot + 1);
            if (end < 0)
                break;
            ReadOnlySpan<char> digits = name.AsSpan(dot + 1, end - dot - 1);
            bool canonical = digits.Length > 0 && (digits.Length == 1 || digits[0] != '0');
            if (canonical && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int layer) && layer < MaxLayers)
            {
                parsed = new LayerName(name[..dot], layer, name[(end + 1)..]);
                return true;
            }
        }

        parsed = default;
        return false;
    }

    public static string Template(string prefix, string rest) => $"{prefix}.{Placeholder}.{rest}";
}
