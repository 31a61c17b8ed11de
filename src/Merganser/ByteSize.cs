using System.Globalization;

namespace Merganser;

/// <summary>
/// Sizes as people write them. <c>K M B</c> and <c>G T</c> are 10³ 10⁶ 10⁹ and 10⁹ 10¹² (B as in "5B", the way mergekit
/// counts), <c>KB MB GB TB</c> the same, <c>KiB MiB GiB TiB</c> powers of 1024; a bare number is bytes. Case does not matter.
/// </summary>
public static class ByteSize
{
    private static readonly (string Suffix, long Factor)[] Suffixes =
    [
        ("kib", 1L << 10), ("mib", 1L << 20), ("gib", 1L << 30), ("tib", 1L << 40),
        ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000), ("tb", 1_000_000_000_000),
        ("k", 1_000), ("m", 1_000_000), ("b", 1_000_000_000), ("g", 1_000_000_000), ("t", 1_000_000_000_000),
    ];

    /// <summary>Reads a size such as <c>5GB</c>, <c>1.5GiB</c>, <c>500M</c> or <c>30000</c>.</summary>
    /// <exception cref="MerganserException">It is no size, negative, or more than 2⁶³ bytes.</exception>
    public static long Parse(string text) => TryParse(text, out long bytes)
        ? bytes
        : throw new MerganserException($"'{text.ReplaceLineEndings(" ")}' is no size; write for example 500MB, 5GB, 2GiB or a number of bytes");

    /// <summary>Reads a size; false when it is none.</summary>
    public static bool TryParse(string text, out long bytes)
    {
        ArgumentNullException.ThrowIfNull(text);
        bytes = 0;
        ReadOnlySpan<char> number = text.AsSpan().Trim();
        long factor = 1;
        foreach ((string suffix, long scale) in Suffixes)
        {
            if (number.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
            {
                number = number[..^suffix.Length].TrimEnd();
                factor = scale;
                break;
            }
        }

        if (!decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value))
            return false;
        if (value > long.MaxValue / factor)
            return false;
        bytes = (long)(value * factor);
        return true;
    }

    /// <summary>Writes a size for people, in powers of 1000: <c>2.20 GB</c>.</summary>
    public static string Format(long bytes)
    {
        string[] units = ["kB", "MB", "GB", "TB", "PB", "EB"];
        if (bytes < 1000)
            return string.Create(CultureInfo.InvariantCulture, $"{bytes} B");
        double value = bytes;
        int unit = -1;
        while (value >= 999.5 && unit + 1 < units.Length)
        {
            value /= 1000;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{(value < 10 ? value.ToString("F2", CultureInfo.InvariantCulture) : value < 100 ? value.ToString("F1", CultureInfo.InvariantCulture) : value.ToString("F0", CultureInfo.InvariantCulture))} {units[unit]}");
    }
}
