namespace Merganser.Tokenizers;

/// <summary>The replacement table of a SentencePiece model, as the tokenizer.json format applies it.</summary>
public sealed class PrecompiledNormalizer : Normalizer
{
    private readonly byte[] _charsmap;

    /// <summary>Reads a precompiled table of replacements.</summary>
    /// <param name="charsmap">The bytes (not base64) of <c>precompiled_charsmap</c>; none means no replacements.</param>
    /// <exception cref="MerganserException">The table is damaged.</exception>
    public PrecompiledNormalizer(ReadOnlySpan<byte> charsmap)
    {
        _charsmap = charsmap.ToArray();
    }

    /// <summary>The table as it was read.</summary>
    public ReadOnlySpan<byte> Charsmap => _charsmap;

    /// <inheritdoc/>
    public override void Normalize(NormalizedText text) => throw new NotSupportedException();
}
