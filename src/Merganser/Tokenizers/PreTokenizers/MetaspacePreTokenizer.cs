namespace Merganser.Tokenizers;

/// <summary>Writes spaces as a visible marker and splits before each marker.</summary>
public sealed class MetaspacePreTokenizer : PreTokenizer
{
    /// <summary>The marker: one character; default U+2581.</summary>
    public string Replacement { get; init; } = "\u2581";

    /// <summary>When a marker is put before a piece; default always.</summary>
    public PrependScheme PrependScheme { get; init; }

    /// <summary>Whether to split before markers; default true.</summary>
    public bool Split { get; init; } = true;

    /// <inheritdoc/>
    public override void PreTokenize(PreTokenizedText text) => throw new NotSupportedException();
}
