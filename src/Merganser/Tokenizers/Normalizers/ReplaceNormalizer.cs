namespace Merganser.Tokenizers;

/// <summary>Replaces every match of a pattern.</summary>
public sealed class ReplaceNormalizer : Normalizer
{
    private readonly byte[] _utf8 = [];

    /// <summary>What is replaced.</summary>
    public required SplitPattern Pattern { get; init; }

    /// <summary>What is put in its place, taken literally.</summary>
    public required string Content
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
        PatternMatcher? matcher = Pattern.Rent();
        PatternSearch search = Pattern.Search(bytes, matcher);
        if (search.MoveNext())
            Replace(text, bytes, ref search);
        Pattern.Return(matcher);
    }

    private void Replace(NormalizedText text, ReadOnlySpan<byte> bytes, ref PatternSearch search)
    {
        TextEditor editor = text.BeginEdit();
        int copied = 0;
        do
        {
            editor.Copy(copied, search.Start);
            if (text.TracksOffsets)
                editor.Skip(Utf8.Count(bytes[search.Start..search.End]));
            editor.Insert(_utf8);
            copied = search.End;
        }
        while (search.MoveNext());
        editor.Copy(copied, bytes.Length);
        text.EndEdit();
    }
}
