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
    /// Takes over stored tokens. Their ids must be those that the format gives them: the id of the content in the vocabulary,
    /// else the next free id from the size of the vocabulary on, in the order of the list. Files whose list is in another
    /// order, or whose vocabulary leaves ids free, have other ids; they are taken as stored when nothing is left to guess: each
    /// token that the vocabulary has keeps its id, no id is used twice, and the ids of both together have no gap.
    /// </summary>
    /// <exception cref="MerganserException">A stored id is another one.</exception>
    internal static AddedVocabulary Load(IEnumerable<AddedToken> stored, Vocabulary vocabulary)
    {
        AddedToken[] tokens = [.. stored.Where(token => token.Content.Length > 0)]; // the reference ignores empty ones
        if (FindMismatch(tokens, vocabulary) is { } mismatch && !FillsUp(tokens, vocabulary))
            throw new MerganserException(mismatch);
        return new AddedVocabulary(tokens);
    }

    /// <summary>What is wrong with the first token whose id is not what the order of the list gives it; null: nothing.</summary>
    private static string? FindMismatch(AddedToken[] tokens, Vocabulary vocabulary)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        int highest = -1;
        foreach (AddedToken token in tokens)
        {
            if (!ids.TryGetValue(token.Content, out int id) && !vocabulary.TryGetId(token.Content, out id))
                id = highest >= vocabulary.Count ? highest + 1 : vocabulary.Count;
            if (id != token.Id)
                return $"the added token {Checkpoints.Formats.Quoted.Name(token.Content)} is stored with the id {token.Id}, but the vocabulary of {vocabulary.Count} tokens and the added tokens before it give it the id {id}, and the ids of all together are not without gap; correct the id, or the order of added_tokens";
            ids[token.Content] = id;
            highest = Math.Max(highest, id);
        }

        return null;
    }

    /// <summary>Whether the stored ids and those of the vocabulary are each given once and leave no gap.</summary>
    private static bool FillsUp(AddedToken[] tokens, Vocabulary vocabulary)
    {
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        var used = new HashSet<int>();
        int limit = vocabulary.IdLimit;
        foreach (AddedToken token in tokens)
        {
            bool isKnown = ids.TryGetValue(token.Content, out int id) || vocabulary.TryGetId(token.Content, out id);
            if (isKnown ? id != token.Id : vocabulary.Contains(token.Id) || !used.Add(token.Id))
                return false;
            ids[token.Content] = token.Id;
            limit = Math.Max(limit, token.Id + 1);
        }

        return vocabulary.Count + used.Count == limit;
    }
}
