namespace Merganser.Tokenizers;

/// <summary>What the offsets of an <see cref="Encoding"/> count.</summary>
public enum OffsetUnit
{
    /// <summary>UTF-16 code units: indexes into a .NET string.</summary>
    Utf16,

    /// <summary>Bytes of UTF-8.</summary>
    Utf8,

    /// <summary>Unicode code points, as the Python libraries count.</summary>
    CodePoint,
}
