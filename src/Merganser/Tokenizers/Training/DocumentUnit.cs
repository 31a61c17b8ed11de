namespace Merganser.Tokenizers;

/// <summary>What counts as one document of a text file: normalised and pre-tokenised on its own.</summary>
public enum DocumentUnit
{
    /// <summary>A line without its line feed; nothing follows the last line feed of a file.</summary>
    Line,

    /// <summary>A line with its line feed, as the HF trainers read files.</summary>
    LineWithEnd,

    /// <summary>A whole file, which must be smaller than 2 GiB.</summary>
    File,
}
