namespace Merganser.Tokenizers;

/// <summary>Which tokens the joined vocabulary has.</summary>
public enum VocabularyJoin
{
    /// <summary>All of one model's tokens, no others.</summary>
    Reference,

    /// <summary>The reference's tokens with their ids, then what the others have besides.</summary>
    Union,

    /// <summary>Those of the reference's tokens that all models have, its special tokens and its unknown token; ids are given anew, order kept.</summary>
    Intersection,
}

/// <summary>
/// One vocabulary for several models, and for each model the way from the new ids to its own: mergekit's <c>tokenizer_source</c>.
/// </summary>
/// <remarks>
/// Union: the reference's tokens keep their ids; then come the ordinary tokens of the other models in the order of models and
/// ids, each made an added token; then added tokens (the first definition wins, another one is warned of); then tokens asked for
/// by name. mergekit takes the ordinary ones in hash order, which changes from run to run; here the order is fixed. Ids for
/// which a model has no row do not count.
/// </remarks>
public sealed class VocabularyUnion
{
    private readonly List<byte[]?> _tokens = [];
    private readonly List<AddedToken> _added = [];
    private readonly List<string> _warnings = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly int[][] _maps;

    private VocabularyUnion(IReadOnlyList<ModelVocabulary> models, int reference, VocabularyJoin join, IEnumerable<string> extra)
    {
        Models = models;
        Reference = reference;
        Join = join;
        if (join == VocabularyJoin.Intersection)
            Intersect();
        else
            TakeReference();
        if (join == VocabularyJoin.Union)
            AddOthers();
        foreach (string token in extra)
            Append(token, new AddedToken(0, token, Normalized: true));
        _maps = [.. models.Select(Map)];
    }

    /// <summary>The models.</summary>
    public IReadOnlyList<ModelVocabulary> Models { get; }

    /// <summary>The index of the model whose tokens come first.</summary>
    public int Reference { get; }

    /// <summary>How the vocabularies were joined.</summary>
    public VocabularyJoin Join { get; }

    /// <summary>One more than the highest id.</summary>
    public int Count => _tokens.Count;

    /// <summary>The added tokens of the joined vocabulary by ascending id.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => _added;

    /// <summary>What is odd, one line each.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>Whether the reference's files say all there is to say of the joined vocabulary.</summary>
    public bool IsReference { get; private set; } = true;

    /// <summary>Joins vocabularies.</summary>
    /// <param name="models">The models.</param>
    /// <param name="reference">The index of the one whose tokens come first.</param>
    /// <param name="join">Which tokens to take.</param>
    /// <param name="extra">Tokens that are appended when no model has them.</param>
    public static VocabularyUnion Of(IReadOnlyList<ModelVocabulary> models, int reference, VocabularyJoin join, IEnumerable<string>? extra = null)
    {
        ArgumentNullException.ThrowIfNull(models);
        ArgumentOutOfRangeException.ThrowIfNegative(reference);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(reference, models.Count);
        return new VocabularyUnion(models, reference, join, extra ?? []);
    }

    /// <summary>The text of a token; null for an id that has none.</summary>
    public string? Token(int id) => _tokens[id] is { } bytes ? System.Text.Encoding.UTF8.GetString(bytes) : null;

    /// <summary>Whether an id has a token.</summary>
    public bool Contains(int id) => _tokens[id] is not null;

    /// <summary>Finds a token.</summary>
    public bool TryGetId(string token, out int id) => _ids.TryGetValue(token, out id);

    /// <summary>For each new id the model's own id, -1 where it has none.</summary>
    public ReadOnlySpan<int> IdsOf(int model) => _maps[model];

    private void TakeReference()
    {
        ModelVocabulary reference = Models[Reference];
        int limit = Math.Min(reference.Tokens.IdLimit, reference.Limit);
        int last = -1;
        for (int id = 0; id < limit; id++)
        {
            if (reference.Tokens.Contains(id))
                last = id;
        }

        for (int id = 0; id <= last; id++)
            Add(reference.Tokens.Contains(id) ? reference.Tokens[id].ToArray() : null);
        foreach (AddedToken token in reference.AddedTokens)
        {
            if (token.Id < limit)
                _added.Add(token);
        }

        int beyond = 0;
        for (int id = limit; id < reference.Tokens.IdLimit; id++)
            beyond += reference.Tokens.Contains(id) ? 1 : 0;
        if (beyond > 0)
        {
            IsReference = false;
            _warnings.Add($"{reference.Name}: {beyond} token{(beyond == 1 ? " has an id" : "s have ids")} from {limit} on, for which its embedding has no row; left out");
        }
    }

    private void Intersect()
    {
        ModelVocabulary reference = Models[Reference];
        Dictionary<int, AddedToken> added = [];
        foreach (AddedToken token in reference.AddedTokens)
            added.TryAdd(token.Id, token);
        for (int id = 0; id < Math.Min(reference.Tokens.IdLimit, reference.Limit); id++)
        {
            if (!reference.Tokens.Contains(id))
                continue;
            byte[] bytes = reference.Tokens[id].ToArray();
            bool isAdded = added.TryGetValue(id, out AddedToken token);
            if (!(isAdded && token.Special) && id != reference.UnknownId && !Models.All(model => model.TryGetId(bytes, out _)))
                continue;
            if (isAdded)
                _added.Add(token with { Id = _tokens.Count });
            Add(bytes);
        }

        IsReference = _tokens.Count == reference.Tokens.Count;
    }

    private void AddOthers()
    {
        foreach (ModelVocabulary model in Models)
        {
            HashSet<int> added = [.. model.AddedTokens.Select(token => token.Id)];
            for (int id = 0; id < Math.Min(model.Tokens.IdLimit, model.Limit); id++)
            {
                if (model.Tokens.Contains(id) && !added.Contains(id))
                {
                    string text = model.Tokens.GetText(id);
                    Append(text, new AddedToken(0, text, Normalized: true));
                }
            }
        }

        Dictionary<string, (AddedToken Token, string Model)> first = new(StringComparer.Ordinal);
        foreach (ModelVocabulary model in Models.OrderBy(model => model != Models[Reference]))
        {
            foreach (AddedToken token in model.AddedTokens)
            {
                if (token.Id >= model.Limit)
                    continue;
                if (!first.TryAdd(token.Content, (token, model.Name)))
                {
                    (AddedToken known, string owner) = first[token.Content];
                    if (known with { Id = 0 } != token with { Id = 0 })
                        _warnings.Add($"the added token '{token.Content}' is defined otherwise in {model.Name} than in {owner}; the latter is taken");
                }

                Append(token.Content, token);
            }
        }
    }

    private void Append(string text, AddedToken definition)
    {
        if (_ids.ContainsKey(text))
            return;
        _added.Add(definition with { Id = _tokens.Count });
        Add(System.Text.Encoding.UTF8.GetBytes(text));
        IsReference = false;
    }

    private void Add(byte[]? token)
    {
        if (token is not null)
            _ids.TryAdd(System.Text.Encoding.UTF8.GetString(token), _tokens.Count);
        _tokens.Add(token);
    }

    private int[] Map(ModelVocabulary model)
    {
        int[] map = new int[_tokens.Count];
        for (int id = 0; id < map.Length; id++)
            map[id] = _tokens[id] is { } token && model.TryGetId(token, out int own) ? own : -1;
        return map;
    }
}
