using System.Buffers;

namespace Merganser.Tokenizers;

/// <summary>
/// Turns the visible characters of byte-level vocabularies back into bytes and reads them as UTF-8; invalid bytes become
/// U+FFFD. A token with any character outside the alphabet stands for its own text.
/// </summary>
public sealed class ByteLevelDecoder : TokenDecoder
{
    /// <summary>Kept for the file; it changes nothing here. Default true.</summary>
    public bool AddPrefixSpace { get; init; } = true;

    /// <summary>Kept for the file; it changes nothing here. Default true.</summary>
    public bool TrimOffsets { get; init; } = true;

    /// <summary>Kept for the file; it changes nothing here. Default true.</summary>
    public bool UseRegex { get; init; } = true;

    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var bytes = new ArrayBufferWriter<byte>();
        foreach (string token in tokens)
            Write(System.Text.Encoding.UTF8.GetBytes(token), bytes);
        tokens.Clear();
        tokens.Add(System.Text.Encoding.UTF8.GetString(bytes.WrittenSpan));
    }

    /// <summary>Appends the bytes that a token (UTF-8) stands for.</summary>
    internal static void Write(ReadOnlySpan<byte> token, ArrayBufferWriter<byte> bytes)
    {
        Span<byte> destination = bytes.GetSpan(Math.Max(token.Length, 1));
        if (!ByteLevelAlphabet.TryDecode(token, destination, out int written))
        {
            token.CopyTo(destination);
            written = token.Length;
        }

        bytes.Advance(written);
    }
}
