using System.Text.Json;
using Merganser.Checkpoints;

namespace Merganser.Tokenizers;

/// <summary>
/// The tokens of one model with their ids, as far as its embedding has rows for them: what vocabularies are joined by.
/// Reads no more of the tokenizer than that.
/// </summary>
/// <param name="Name">The model, for messages.</param>
/// <param name="Tokens">All tokens, added ones included.</param>
public sealed record ModelVocabulary(string Name, Vocabulary Tokens)
{
    internal const long LargestFile = 256 << 20;

    /// <summary>The added tokens in the order of their ids.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    /// <summary>Ids from here on have no row in the embedding and do not count.</summary>
    public int Limit { get; init; } = int.MaxValue;

    /// <summary>The <c>type</c> of the model in tokenizer.json; empty when it is not known.</summary>
    public string Kind { get; init; } = "";

    /// <summary>The id that stands for what the model does not know; null when it has none.</summary>
    public int? UnknownId { get; init; }

    /// <summary>The tokenizer.json; null when the tokens came from another file.</summary>
    public string? File { get; init; }

    /// <summary>The id of a token; false when the model lacks it or has no row for it.</summary>
    public bool TryGetId(ReadOnlySpan<byte> token, out int id) => Tokens.TryGetId(token, out id) && id < Limit;

    /// <summary>Reads the vocabulary of a model folder: tokenizer.json, else vocab.json, else vocab.txt.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">The model, for messages.</param>
    /// <param name="limit">The number of rows of the embedding.</param>
    /// <returns>Null when the folder has none of these files.</returns>
    /// <exception cref="MerganserException">A file is there but cannot be used.</exception>
    public static ModelVocabulary? ReadFolder(string folder, string name, int limit = int.MaxValue)
    {
        string json = Path.Combine(folder, "tokenizer.json");
        if (System.IO.File.Exists(json))
            return ReadJson(json, name, limit);
        string list = Path.Combine(folder, "vocab.txt");
        string table = Path.Combine(folder, "vocab.json");
        if (System.IO.File.Exists(table))
            return ReadTable(table, name, limit);
        return System.IO.File.Exists(list) ? ReadLines(list, name, limit) : null;
    }

    /// <summary>Reads a tokenizer.json.</summary>
    public static ModelVocabulary ReadJson(string path, string name, int limit = int.MaxValue)
    {
        byte[] bytes = BoundedJson.ReadBytes(path, LargestFile);
        var found = new TokenizerJsonTokens(path);
        found.Read(bytes);
        return new ModelVocabulary(name, found.Build()) { AddedTokens = found.Added, Limit = limit, Kind = found.Kind, UnknownId = found.UnknownId, File = path };
    }

    private static ModelVocabulary ReadTable(string path, string name, int limit)
    {
        var found = new TokenizerJsonTokens(path);
        found.ReadTable(BoundedJson.ReadBytes(path, LargestFile));
        string added = Path.Combine(Path.GetDirectoryName(path)!, "added_tokens.json");
        if (System.IO.File.Exists(added))
            found.ReadTable(BoundedJson.ReadBytes(added, LargestFile));
        return new ModelVocabulary(name, found.Build()) { Limit = limit };
    }

    private static ModelVocabulary ReadLines(string path, string name, int limit)
    {
        Vocabulary.Builder builder = new();
        HashSet<string> seen = new(StringComparer.Ordinal);
        int id = 0;
        foreach (string line in System.Text.Encoding.UTF8.GetString(BoundedJson.ReadBytes(path, LargestFile)).Split('\n'))
        {
            string token = line.TrimEnd('\r');
            if (token.Length > 0 && seen.Add(token))
                builder.Add(token, id);
            id++;
        }

        return new ModelVocabulary(name, builder.Build()) { Limit = limit };
    }
}

/// <summary>Picks the tokens out of a tokenizer.json without building a tree of it.</summary>
internal sealed class TokenizerJsonTokens(string path)
{
    private static readonly JsonReaderOptions Options = new() { MaxDepth = BoundedJson.MaxDepth };

    private readonly Vocabulary.Builder _builder = new();
    private readonly Dictionary<string, int> _known = new(StringComparer.Ordinal);
    private readonly List<AddedToken> _added = [];
    private List<(string Left, string Right)>? _merges;
    private string? _unknownToken;
    private int? _unknownId;

    public IReadOnlyList<AddedToken> Added => _added;

    public string Kind { get; private set; } = "";

    public int? UnknownId => _unknownId ?? (_unknownToken is { } token && _known.TryGetValue(token, out int id) ? id : null);

    public Vocabulary Build()
    {
        foreach (AddedToken token in _added)
            Add(token.Content, token.Id);
        _added.Sort((a, b) => a.Id.CompareTo(b.Id));
        return Named(_builder.Build);
    }

    /// <summary>Reads a whole tokenizer.json.</summary>
    public void Read(ReadOnlySpan<byte> json) => Named(json, (ref Utf8JsonReader reader) =>
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("added_tokens"u8))
                ReadAdded(ref reader);
            else if (reader.ValueTextEquals("model"u8))
                ReadModel(ref reader);
            else
                Skip(ref reader);
        }
    });

    /// <summary>Reads an object of token and id.</summary>
    public void ReadTable(ReadOnlySpan<byte> json) => Named(json, (ref Utf8JsonReader reader) => ReadEntries(ref reader));

    /// <summary>The tokens of the model alone, without added ones.</summary>
    public static HashSet<string> ModelTokens(string path)
    {
        var found = new TokenizerJsonTokens(path);
        found.Read(BoundedJson.ReadBytes(path, ModelVocabulary.LargestFile));
        return [.. found._known.Keys];
    }

    /// <summary>The merges in their order.</summary>
    public static IReadOnlyList<(string Left, string Right)> Merges(string path)
    {
        var found = new TokenizerJsonTokens(path) { _merges = [] };
        found.Read(BoundedJson.ReadBytes(path, ModelVocabulary.LargestFile));
        return found._merges;
    }

    private delegate void Reading(ref Utf8JsonReader reader);

    private void Named(ReadOnlySpan<byte> json, Reading read)
    {
        try
        {
            var reader = new Utf8JsonReader(json.StartsWith("\uFEFF"u8) ? json[3..] : json, Options);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                throw new MerganserException($"{path}: must hold a JSON object");
            read(ref reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new MerganserException($"{path}: is not a tokenizer: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private T Named<T>(Func<T> make)
    {
        try
        {
            return make();
        }
        catch (MerganserException e)
        {
            throw new MerganserException($"{path}: {e.Message}", e);
        }
    }

    private void ReadModel(ref Utf8JsonReader reader)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new MerganserException($"{path}: 'model' must be an object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("type"u8))
            {
                reader.Read();
                Kind = reader.GetString() ?? "";
            }
            else if (reader.ValueTextEquals("vocab"u8))
            {
                reader.Read();
                if (reader.TokenType == JsonTokenType.StartObject)
                    ReadEntries(ref reader);
                else
                    ReadPieces(ref reader);
            }
            else if (reader.ValueTextEquals("unk_token"u8))
            {
                reader.Read();
                _unknownToken = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
            }
            else if (reader.ValueTextEquals("unk_id"u8))
            {
                reader.Read();
                _unknownId = reader.TokenType == JsonTokenType.Number ? reader.GetInt32() : null;
            }
            else if (_merges is not null && reader.ValueTextEquals("merges"u8))
            {
                ReadMerges(ref reader, _merges);
            }
            else
            {
                Skip(ref reader);
            }
        }
    }

    private void ReadMerges(ref Utf8JsonReader reader, List<(string Left, string Right)> merges)
    {
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType == JsonTokenType.StartArray)
            {
                reader.Read();
                string left = reader.GetString()!;
                reader.Read();
                merges.Add((left, reader.GetString()!));
                reader.Read();
                continue;
            }

            string both = reader.GetString()!;
            int space = both.IndexOf(' ', StringComparison.Ordinal);
            if (space < 0)
                throw new MerganserException($"{path}: the merge '{both}' is not two tokens with a space between");
            merges.Add((both[..space], both[(space + 1)..]));
        }
    }

    private void ReadEntries(ref Utf8JsonReader reader)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string token = reader.GetString()!;
            reader.Read();
            Add(token, reader.GetInt32());
        }
    }

    /// <summary>Unigram: a list of piece and score; the place in the list is the id.</summary>
    private void ReadPieces(ref Utf8JsonReader reader)
    {
        for (int id = 0; reader.Read() && reader.TokenType == JsonTokenType.StartArray; id++)
        {
            reader.Read();
            // A piece that stands in the list twice is found at its first place; the second id stays without a token.
            Add(reader.GetString()!, id);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
            }
        }
    }

    private void ReadAdded(ref Utf8JsonReader reader)
    {
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            AddedToken token = new(-1, "");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                string key = reader.GetString()!;
                reader.Read();
                token = key switch
                {
                    "id" => token with { Id = reader.GetInt32() },
                    "content" => token with { Content = reader.GetString()! },
                    "single_word" => token with { SingleWord = reader.GetBoolean() },
                    "lstrip" => token with { LeftStrip = reader.GetBoolean() },
                    "rstrip" => token with { RightStrip = reader.GetBoolean() },
                    "normalized" => token with { Normalized = reader.GetBoolean() },
                    "special" => token with { Special = reader.GetBoolean() },
                    _ => token,
                };
            }

            if (token.Id < 0 || token.Content.Length == 0)
                throw new MerganserException($"{path}: an added token lacks its id or its content");
            _added.Add(token);
        }
    }

    private void Add(string token, int id)
    {
        // An added token is usually in the vocabulary as well, under the same id.
        if (_known.TryAdd(token, id))
            Named(() => { _builder.Add(token, id); return 0; });
    }

    private static void Skip(ref Utf8JsonReader reader)
    {
        reader.Read();
        reader.Skip();
    }
}
