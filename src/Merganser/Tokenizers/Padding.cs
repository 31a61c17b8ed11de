namespace Merganser.Tokenizers;

/// <summary>Fills encodings up to a common length.</summary>
public sealed record Padding
{
    private readonly int? _length;

    /// <summary>The length to fill up to; null (default): that of the longest encoding of the batch. At least 0.</summary>
    public int? Length
    {
        get => _length;
        init => _length = value is null or >= 0 ? value : throw new MerganserException($"padding length {value} is negative");
    }

    /// <summary>Rounds the length up to a multiple; null or 0 (default): not.</summary>
    public int? PadToMultipleOf { get; init; }

    /// <summary>The end that is filled; default right.</summary>
    public TextDirection Direction { get; init; }

    /// <summary>The id of padding; default 0.</summary>
    public int PadId { get; init; }

    /// <summary>The type id of padding; default 0.</summary>
    public int PadTypeId { get; init; }

    /// <summary>The token of padding; default [PAD].</summary>
    public string PadToken { get; init; } = "[PAD]";
}
