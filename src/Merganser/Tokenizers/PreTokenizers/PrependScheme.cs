namespace Merganser.Tokenizers;

/// <summary>When <see cref="MetaspacePreTokenizer"/> puts its marker before a piece.</summary>
public enum PrependScheme
{
    /// <summary>Before every piece that does not begin with the marker.</summary>
    Always,

    /// <summary>Only before the piece at the beginning of the text.</summary>
    First,

    /// <summary>Never.</summary>
    Never,
}
