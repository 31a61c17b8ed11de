namespace Merganser.Tokenizers;

/// <summary>The tokens of a WordPiece vocabulary as two tries: as they are, and those with the prefix without it.</summary>
internal sealed class WordPieceTries
{
    public WordPieceTries(Vocabulary vocabulary, string continuingSubwordPrefix)
    {
        byte[] prefix = System.Text.Encoding.UTF8.GetBytes(continuingSubwordPrefix);
        Words = DoubleArrayTrie.Create(vocabulary);
        var tails = new DoubleArrayTrie.Builder();
        for (int id = 0; id < vocabulary.IdLimit; id++)
        {
            ReadOnlySpan<byte> token = vocabulary[id];
            if (token.Length > prefix.Length && token.StartsWith(prefix))
                tails.Add(token[prefix.Length..], id);
        }

        Tails = tails.Build();
    }

    /// <summary>All tokens.</summary>
    public DoubleArrayTrie Words { get; }

    /// <summary>What follows the prefix of the tokens that have it.</summary>
    public DoubleArrayTrie Tails { get; }
}

/// <summary>Greedy longest match from the left, character by character.</summary>
internal sealed class WordPieceEncoder(WordPieceModel model) : ModelEncoder
{
    private readonly WordPieceTries _tries = model.Tries;
    private readonly int _unknown = model.UnknownId ?? -1;

    public override void Encode(ReadOnlySpan<byte> pretoken, TokenBuffer tokens)
    {
        if (pretoken.IsEmpty)
            return;
        int before = tokens.Count;
        if ((pretoken.Length > model.MaxInputCharsPerWord && Utf8.Count(pretoken) > model.MaxInputCharsPerWord) || !TryCover(pretoken, tokens))
        {
            tokens.Truncate(before);
            if (_unknown < 0)
                throw new MerganserException($"the unknown token '{model.UnkToken}' is not in the vocabulary, and the text has a word that the vocabulary does not cover; set unk_token");
            tokens.Add(_unknown, 0, pretoken.Length);
        }
    }

    private bool TryCover(ReadOnlySpan<byte> word, TokenBuffer tokens)
    {
        DoubleArrayTrie trie = _tries.Words;
        for (int start = 0; start < word.Length; trie = _tries.Tails)
        {
            // Tokens are whole characters, so a match cannot end inside one of valid text.
            int length = trie.LongestMatch(word[start..], out int token);
            if (length == 0)
                return false;
            tokens.Add(token, start, start + length);
            start += length;
        }

        return true;
    }
}
