using System.Buffers;
using Microsoft.ML.Tokenizers;
using Encoding = Merganser.Tokenizers.Encoding;

namespace Merganser.MicrosoftTokenizers;

/// <summary>
/// A Merganser tokenizer as a <see cref="Tokenizer"/> of Microsoft.ML.Tokenizers. Normalising and pre-tokenising cannot be
/// switched off; offsets and counts of characters refer to the text as it was given.
/// </summary>
public sealed class MerganserTokenizer : Tokenizer
{
    private readonly Merganser.Tokenizers.Tokenizer _inner;
    private readonly Merganser.Tokenizers.EncodeOptions _options;

    /// <summary>Wraps a tokenizer.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="addSpecialTokens">Whether its post-processor puts special tokens in; default false.</param>
    public MerganserTokenizer(Merganser.Tokenizers.Tokenizer tokenizer, bool addSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _inner = tokenizer;
        _options = new Merganser.Tokenizers.EncodeOptions { AddSpecialTokens = addSpecialTokens, Truncate = false, Pad = false };
    }

    /// <summary>The tokenizer inside.</summary>
    public Merganser.Tokenizers.Tokenizer Inner => _inner;

    /// <inheritdoc/>
    public override string Decode(IEnumerable<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return _inner.Decode([.. ids], skipSpecialTokens: false);
    }

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        idsConsumed = 0;
        charsWritten = 0;
        int read = 0;
        Merganser.Tokenizers.StreamingDecoder decoder = _inner.CreateStreamingDecoder(skipSpecialTokens: false);
        foreach (int id in ids)
        {
            read++;
            string text = decoder.Append(id);
            if (text.Length == 0)
                continue;
            if (!text.TryCopyTo(destination[charsWritten..]))
                return OperationStatus.DestinationTooSmall;
            charsWritten += text.Length;
            idsConsumed = read;
        }

        string rest = decoder.Flush();
        if (!rest.TryCopyTo(destination[charsWritten..]))
            return OperationStatus.DestinationTooSmall;
        charsWritten += rest.Length;
        idsConsumed = read;
        return OperationStatus.Done;
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        text ??= textSpan.ToString();
        Encoding encoding = Encode(text, settings);
        int count = CountFromStart(encoding, settings.MaxTokenCount);
        var tokens = new EncodedToken[count];
        for (int i = 0; i < count; i++)
        {
            (int start, int end) = encoding.Offsets[i];
            tokens[i] = new EncodedToken(encoding.Ids[i], _inner.GetToken(encoding.Ids[i]) ?? "", new Range(start, end));
        }

        return new EncodeResults<EncodedToken> { Tokens = tokens, NormalizedText = null, CharsConsumed = Consumed(encoding, count, text) };
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        text ??= textSpan.ToString();
        Check(settings);
        if (settings.MaxTokenCount == int.MaxValue)
            return new EncodeResults<int> { Tokens = _inner.EncodeToIds(text, _options.AddSpecialTokens), NormalizedText = null, CharsConsumed = text.Length };
        Encoding encoding = Encode(text, settings);
        int count = CountFromStart(encoding, settings.MaxTokenCount);
        return new EncodeResults<int> { Tokens = encoding.Ids[..count], NormalizedText = null, CharsConsumed = Consumed(encoding, count, text) };
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        Check(settings);
        if (settings.MaxTokenCount == int.MaxValue)
            return text is null ? _inner.CountTokens(textSpan, _options.AddSpecialTokens) : _inner.CountTokens(text, _options.AddSpecialTokens);
        return EncodeToIds(text, textSpan, settings).Tokens.Count;
    }

    /// <inheritdoc/>
    protected override int GetIndexByTokenCount(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings, bool fromEnd, out string? normalizedText, out int tokenCount)
    {
        text ??= textSpan.ToString();
        Check(settings);
        normalizedText = null;
        return fromEnd
            ? _inner.GetIndexByTokenCountFromEnd(text, settings.MaxTokenCount, out tokenCount)
            : _inner.GetIndexByTokenCount(text, settings.MaxTokenCount, out tokenCount);
    }

    private static void Check(EncodeSettings settings)
    {
        if (!settings.ConsiderNormalization || !settings.ConsiderPreTokenization)
            throw new NotSupportedException("this tokenizer always normalises and pre-tokenises; leave considerNormalization and considerPreTokenization true");
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.MaxTokenCount, 1, nameof(settings));
    }

    private Encoding Encode(string text, EncodeSettings settings)
    {
        Check(settings);
        return _inner.Encode(text, options: _options);
    }

    /// <summary>The number of tokens that fit without ending inside a character.</summary>
    private static int CountFromStart(Encoding encoding, int maxTokenCount)
    {
        int count = Math.Min(maxTokenCount, encoding.Count);
        while (count > 0 && count < encoding.Count && encoding.Offsets[count].Start < encoding.Offsets[count - 1].End)
            count--;
        return count;
    }

    private static int Consumed(Encoding encoding, int count, string text)
    {
        if (count == encoding.Count)
            return text.Length;
        // Special tokens that were put in have no place in the text.
        for (int i = count - 1; i >= 0; i--)
        {
            if (encoding.SpecialTokensMask[i] == 0)
                return encoding.Offsets[i].End;
        }

        return 0;
    }
}
