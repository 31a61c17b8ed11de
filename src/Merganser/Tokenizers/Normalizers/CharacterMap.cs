namespace Merganser.Tokenizers;

/// <summary>A rule that keeps, changes or drops one character at a time.</summary>
internal interface ICharacterRule
{
    /// <summary>The character that stands in the place of another, or a negative number to drop it.</summary>
    int Map(int codePoint);
}

/// <summary>Applies a rule per character; text that the rule does not change is left alone.</summary>
internal static class CharacterMap
{
    /// <summary>Drops and replaces characters; a dropped one is swallowed by the character before it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="from">Where to begin: nothing before it changes.</param>
    /// <param name="rule">The rule.</param>
    public static void Apply<TRule>(NormalizedText text, int from, TRule rule)
        where TRule : struct, ICharacterRule
    {
        ReadOnlySpan<byte> bytes = text.Bytes;
        int at = from;
        int mapped = 0;
        int length = 0;
        for (; at < bytes.Length; at += length)
        {
            int codePoint = Utf8.Decode(bytes, at, out length);
            mapped = rule.Map(codePoint);
            if (mapped != codePoint)
                break;
        }

        if (at >= bytes.Length)
            return;
        TextEditor editor = text.BeginEdit();
        int copied = 0;
        while (true)
        {
            editor.Copy(copied, at);
            if (mapped >= 0)
                editor.Emit(mapped);
            else
                editor.Remove(1);
            copied = at + length;
            for (at = copied; at < bytes.Length; at += length)
            {
                int codePoint = Utf8.Decode(bytes, at, out length);
                mapped = rule.Map(codePoint);
                if (mapped != codePoint)
                    break;
            }

            if (at >= bytes.Length)
                break;
        }

        editor.Copy(copied, bytes.Length);
        text.EndEdit();
    }
}
