namespace Merganser.Tokenizers;

/// <summary>The added tokens of a tokenizer: found in the text before the model sees it. Immutable.</summary>
public sealed class AddedVocabulary
{
    private readonly AddedToken[] _tokens; // by ascending id
    private readonly Dictionary<int, int> _byId = [];
    private readonly Dictionary<string, int> _byContent = new(StringComparer.Ordinal);

    /// <summary>Collects added tokens; of two with one content the later counts.</summary>
    /// <exception cref="MerganserException">Two contents have one id, a content is empty or an id negative.</exception>
    public AddedVocabulary(IEnumerable<AddedToken> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        var unique = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (AddedToken token in tokens)
        {
            if (string.IsNullOrEmpty(token.Content))
                throw new MerganserException($"the added token with the id {token.Id} has no content");
            if (token.Id < 0)
                throw new MerganserException($"the added token '{token.Content}' has the negative id {token.Id}");
            unique[token.Content] = token;
        }

        _tokens = [.. unique.Values];
        Array.Sort(_tokens, (a, b) => a.Id.CompareTo(b.Id));
        for (int i = 0; i < _tokens.Length; i++)
        {
            if (!_byId.TryAdd(_tokens[i].Id, i))
                throw new MerganserException($"the added tokens '{_tokens[i - 1].Content}' and '{_tokens[i].Content}' have the same id {_tokens[i].Id}");
            _byContent.Add(_tokens[i].Content, i);
        }
    }

    /// <summary>No added tokens.</summary>
    public static AddedVocabulary Empty { get; } = new([]);

    /// <summary>The tokens by ascending id.</summary>
    public IReadOnlyList<AddedToken> Tokens => _tokens;

    /// <summary>Finds a token by id.</summary>
    public bool TryGet(int id, out AddedToken token)
    {
        bool found = _byId.TryGetValue(id, out int index);
        token = found ? _tokens[index] : default;
        return found;
    }

    /// <summary>Finds a token by content.</summary>
    public bool TryGet(string content, out AddedToken token)
    {
        bool found = _byContent.TryGetValue(content, out int index);
        token = found ? _tokens[index] : default;
        return found;
    }

    /// <summary>Whether an id is that of a special token.</summary>
    public bool IsSpecial(int id) => _byId.TryGetValue(id, out int index) && _tokens[index].Special;

    /// <summary>
    /// Gives stored tokens their ids as the format does: the id of the content in the vocabulary, else the next free id from
    /// the size of the vocabulary on.
    /// </summary>
    /// <exception cref="MerganserException">A stored id is another one.</exception>
    internal static AddedVocabulary Load(IEnumerable<AddedToken> stored, Vocabulary vocabulary)
    {
        List<AddedToken> tokens = [];
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        int highest = -1;
        foreach (AddedToken token in stored)
        {
            if (token.Content.Length == 0)
                continue; // the reference ignores them
            if (!ids.TryGetValue(token.Content, out int id) && !vocabulary.TryGetId(token.Content, out id))
                id = highest >= vocabulary.Count ? highest + 1 : vocabulary.Count;
            if (id != token.Id)
                throw new MerganserException($"the added token {Checkpoints.Formats.Quoted.Name(token.Content)} is stored with the id {token.Id}, but the vocabulary of {vocabulary.Count} tokens and the added tokens before it give it the id {id}; correct the id, or the order of added_tokens");
            ids[token.Content] = id;
            highest = Math.Max(highest, id);
            tokens.Add(token);
        }

        return new AddedVocabulary(tokens);
    }
}
