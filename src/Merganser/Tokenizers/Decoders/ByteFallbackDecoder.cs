using System.Globalization;

namespace Merganser.Tokenizers;

/// <summary>
/// Joins runs of byte tokens (<c>&lt;0xE2&gt;</c>) to text; a run that is not valid UTF-8 gives one U+FFFD per byte.
/// </summary>
public sealed class ByteFallbackDecoder : TokenDecoder
{
    /// <inheritdoc/>
    public override void Decode(List<string> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        int first = tokens.FindIndex(token => TryReadByte(token, out _));
        if (first < 0)
            return;
        List<string> result = tokens.GetRange(0, first);
        List<byte> run = [];
        for (int i = first; i < tokens.Count; i++)
        {
            if (TryReadByte(tokens[i], out byte value))
            {
                run.Add(value);
                continue;
            }

            Flush(run, result);
            result.Add(tokens[i]);
        }

        Flush(run, result);
        tokens.Clear();
        tokens.AddRange(result);
    }

    internal static bool TryReadByte(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    private static void Flush(List<byte> run, List<string> result)
    {
        if (run.Count == 0)
            return;
        byte[] bytes = [.. run];
        result.Add(System.Text.Unicode.Utf8.IsValid(bytes) ? System.Text.Encoding.UTF8.GetString(bytes) : new string('\uFFFD', bytes.Length));
        run.Clear();
    }
}
