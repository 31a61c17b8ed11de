namespace Merganser.Tokenizers;

/// <summary>Puts a text before every piece that is not empty.</summary>
public sealed class PrependNormalizer : Normalizer
{
    private readonly byte[] _utf8 = [];

    /// <summary>What is put before the text.</summary>
    public required string Prepend
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
            _utf8 = System.Text.Encoding.UTF8.GetBytes(value);
        }
    }

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text)
    {
        ArgumentNullException.ThrowIfNull(text);
        ReadOnlySpan<byte> bytes = text.Bytes;
        if (bytes.IsEmpty || _utf8.Length == 0)
            return;
        TextEditor editor = text.BeginEdit();
        PrefixWriter.Write(editor, _utf8, bytes, 0);
        editor.Copy(Utf8.LengthAt(bytes, 0, bytes.Length), bytes.Length);
        text.EndEdit();
    }
}
