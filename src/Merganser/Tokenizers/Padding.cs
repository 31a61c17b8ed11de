namespace Merganser.Tokenizers;

/// <summary>Fills encodings up to a common length.</summary>
public sealed record Padding
{
    /// <summary>The longest length that is accepted, so that a file cannot ask for all the memory: 2^20.</summary>
    public const int MaxLength = 1 << 20;

    private readonly int? _length;
    private readonly int? _multiple;

    /// <summary>The length to fill up to; null (default): that of the longest encoding of the batch. At least 0.</summary>
    public int? Length
    {
        get => _length;
        init => _length = value is null or (>= 0 and <= MaxLength) ? value : throw new MerganserException($"padding length {value} is not between 0 and {MaxLength}");
    }

    /// <summary>Rounds the length up to a multiple; null or 0 (default): not. At most <see cref="MaxLength"/>.</summary>
    public int? PadToMultipleOf
    {
        get => _multiple;
        init => _multiple = value is null or (>= 0 and <= MaxLength) ? value : throw new MerganserException($"padding pad_to_multiple_of {value} is not between 0 and {MaxLength}");
    }

    /// <summary>The end that is filled; default right.</summary>
    public TextDirection Direction { get; init; }

    /// <summary>The id of padding; default 0.</summary>
    public int PadId { get; init; }

    /// <summary>The type id of padding; default 0.</summary>
    public int PadTypeId { get; init; }

    /// <summary>The token of padding; default [PAD].</summary>
    public string PadToken { get; init; } = "[PAD]";
}
