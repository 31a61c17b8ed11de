using System.Buffers;

namespace Merganser.Tokenizers;

/// <content>From ids back to text.</content>
public sealed partial class Tokenizer
{
    /// <summary>Turns ids back into text. Ids without a token are passed over.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out; default true.</param>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        if (Decoder is ByteLevelDecoder)
        {
            var bytes = new ArrayBufferWriter<byte>(Math.Max(16, ids.Length * 4));
            foreach (int id in ids)
                AppendBytes(id, skipSpecialTokens, bytes);
            return System.Text.Encoding.UTF8.GetString(bytes.WrittenSpan);
        }

        List<string> tokens = new(ids.Length);
        foreach (int id in ids)
        {
            if (!(skipSpecialTokens && AddedTokens.IsSpecial(id)) && GetToken(id) is { } token)
                tokens.Add(token);
        }

        return DecodeTokens(tokens);
    }

    /// <summary>Turns ids back into bytes: of byte-level tokenizers those of the text, even where they are no UTF-8, of others the UTF-8 text.</summary>
    public byte[] DecodeToUtf8(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        if (Decoder is not ByteLevelDecoder)
            return System.Text.Encoding.UTF8.GetBytes(Decode(ids, skipSpecialTokens));
        var bytes = new ArrayBufferWriter<byte>(Math.Max(16, ids.Length * 4));
        foreach (int id in ids)
            AppendBytes(id, skipSpecialTokens, bytes);
        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>Decodes several lists of ids on several threads.</summary>
    public string[] DecodeBatch(IReadOnlyList<int[]> ids, bool skipSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var results = new string[ids.Count];
        ForEach(ids.Count, 0, i => results[i] = Decode(ids[i], skipSpecialTokens));
        return results;
    }

    /// <summary>Makes a decoder that takes ids one by one and gives text as soon as it is certain.</summary>
    /// <param name="skipSpecialTokens">Whether special tokens are left out; default true.</param>
    public StreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) => new(this, skipSpecialTokens);

    internal void AppendBytes(int id, bool skipSpecialTokens, ArrayBufferWriter<byte> bytes)
    {
        if (AddedTokens.TryGet(id, out AddedToken added))
        {
            if (!(added.Special && skipSpecialTokens))
                ByteLevelDecoder.Write(System.Text.Encoding.UTF8.GetBytes(added.Content), bytes);
            return;
        }

        ByteLevelDecoder.Write(Model.Vocabulary[id], bytes);
    }

    internal string DecodeTokens(List<string> tokens)
    {
        if (Decoder is null)
            return string.Join(' ', tokens);
        Decoder.Decode(tokens);
        return tokens.Count == 1 ? tokens[0] : string.Concat(tokens);
    }
}
