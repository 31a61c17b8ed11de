namespace Merganser.Tokenizers;

/// <summary>The tokens <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c> that stand for single bytes.</summary>
internal static class ByteTokens
{
    /// <summary>The id of each byte's token; -1 where the vocabulary has none.</summary>
    public static int[] Find(Vocabulary vocabulary)
    {
        const string Digits = "0123456789ABCDEF";
        var ids = new int[256];
        Span<byte> token = stackalloc byte[6];
        "<0x00>"u8.CopyTo(token);
        for (int value = 0; value < 256; value++)
        {
            token[3] = (byte)Digits[value >> 4];
            token[4] = (byte)Digits[value & 15];
            ids[value] = vocabulary.TryGetId(token, out int id) ? id : -1;
        }

        return ids;
    }

    /// <summary>Whether every byte of a text has a token.</summary>
    public static bool Cover(int[] byteIds, ReadOnlySpan<byte> text)
    {
        foreach (byte value in text)
        {
            if (byteIds[value] < 0)
                return false;
        }

        return true;
    }
}
