using System.Buffers;
using System.Text;

namespace Merganser.Tokenizers;

/// <summary>
/// Decodes ids as they come. Every call gives the text that is certain so far and never a part of a character; all the texts
/// together are what <see cref="Tokenizer.Decode"/> gives for all the ids. For one thread.
/// </summary>
/// <remarks>
/// Only decoders that change earlier text in hindsight can differ from that: a byte fallback run that turns out to be no
/// UTF-8 after a part of it was given.
/// </remarks>
public sealed class StreamingDecoder
{
    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly ArrayBufferWriter<byte> _bytes = new(64);
    private readonly List<string> _tokens = []; // from the last ones already given on
    private readonly bool _isByteLevel;
    private int _given; // how many of _tokens were given
    private string _givenText = "";

    internal StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
        _isByteLevel = tokenizer.Decoder is ByteLevelDecoder;
    }

    /// <summary>Takes an id.</summary>
    /// <returns>The text that is certain now; often empty.</returns>
    public string Append(int id)
    {
        if (_isByteLevel)
        {
            _tokenizer.AppendBytes(id, _skipSpecialTokens, _bytes);
            return TakeBytes(isEnd: false);
        }

        if ((_skipSpecialTokens && _tokenizer.AddedTokens.IsSpecial(id)) || _tokenizer.GetToken(id) is not { } token)
            return "";
        _tokens.Add(token);
        string text = Text(_tokens.Count);
        // A replacement character at the end may still become a character.
        if (text.Length <= _givenText.Length || text[^1] == '\uFFFD' || !text.StartsWith(_givenText, StringComparison.Ordinal))
            return "";
        string more = text[_givenText.Length..];
        // What was given now is the context of what comes next, so that its first token does not count as the first of all.
        _tokens.RemoveRange(0, _given);
        _given = _tokens.Count;
        _givenText = Text(_given);
        return more;
    }

    /// <summary>Ends the text and gives what is left: bytes that became no character are U+FFFD. Then a new text may begin.</summary>
    public string Flush()
    {
        string rest = "";
        if (_isByteLevel)
        {
            rest = TakeBytes(isEnd: true);
        }
        else
        {
            string text = Text(_tokens.Count);
            int common = text.AsSpan().CommonPrefixLength(_givenText);
            rest = text[common..];
        }

        _tokens.Clear();
        _given = 0;
        _givenText = "";
        return rest;
    }

    private string Text(int count) => count == 0 ? "" : _tokenizer.DecodeTokens(_tokens.GetRange(0, count));

    private string TakeBytes(bool isEnd)
    {
        ReadOnlySpan<byte> bytes = _bytes.WrittenSpan;
        int certain = bytes.Length;
        if (!isEnd)
        {
            // At most the last three bytes can be the beginning of a character.
            for (int start = Math.Max(0, bytes.Length - 3); start < bytes.Length; start++)
            {
                if (Rune.DecodeFromUtf8(bytes[start..], out _, out _) == OperationStatus.NeedMoreData)
                {
                    certain = start;
                    break;
                }
            }
        }

        string text = System.Text.Encoding.UTF8.GetString(bytes[..certain]);
        Span<byte> rest = stackalloc byte[3];
        int left = bytes.Length - certain;
        bytes[certain..].CopyTo(rest);
        _bytes.ResetWrittenCount();
        _bytes.Write(rest[..left]);
        return text;
    }
}
