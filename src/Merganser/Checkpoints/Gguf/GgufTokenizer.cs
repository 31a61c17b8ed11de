using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Gguf;

/// <summary>The vocabulary of a model folder in the form of GGUF metadata, from tokenizer.model or tokenizer.json.</summary>
internal sealed class GgufTokenizer
{
    private const long LargestTokenizer = 256L << 20;
    private const int Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6;

    private readonly ModelFolder _folder;
    private readonly string _path;
    private readonly string[] _tokens;
    private readonly float[] _scores;
    private readonly int[] _kinds;
    private string _model = "llama";
    private string? _splitter;
    private List<string>? _merges;
    private bool? _addsSpacePrefix;

    private GgufTokenizer(ModelFolder folder, string path, int rows)
    {
        _folder = folder;
        _path = path;
        _tokens = new string[rows];
        _scores = new float[rows];
        _kinds = new int[rows];
        for (int i = 0; i < rows; i++)
        {
            // Rows of the matrix beyond the vocabulary: padding for hardware. The names must differ from each other.
            _tokens[i] = string.Create(CultureInfo.InvariantCulture, $"[PAD{i}]");
            _kinds[i] = Unused;
            _scores[i] = -10_000;
        }
    }

    /// <summary>Writes the tokenizer's keys; returns a remark for the user, or null.</summary>
    /// <param name="metadata">Where the keys go.</param>
    /// <param name="folder">The model.</param>
    /// <param name="rows">The rows of the embedding, which llama.cpp takes for the size of the vocabulary.</param>
    public static string? Write(GgufMetadata metadata, ModelFolder folder, int rows)
    {
        if (Directory.Exists(folder.Path))
        {
            if (FolderFiles.Find(folder.Path, "tokenizer.model") is { } pieces)
                return new GgufTokenizer(folder, pieces, rows).FromSentencePiece(metadata);
            if (FolderFiles.Find(folder.Path, "tokenizer.json") is { } json)
                return new GgufTokenizer(folder, json, rows).FromJson(metadata);
        }

        metadata.Add("tokenizer.ggml.model", "no_vocab");
        return "the folder has no tokenizer.model and no tokenizer.json: the file has no vocabulary, and llama.cpp can evaluate but not converse";
    }

    private string? FromSentencePiece(GgufMetadata metadata)
    {
        SentencePieceFile model = SentencePieceFile.Read(_path);
        for (int i = 0; i < model.Pieces.Count; i++)
            Set(i, model.Pieces[i].Text, model.Pieces[i].Score, (int)model.Pieces[i].Kind);
        string side = Path.Join(_folder.Path, "added_tokens.json");
        if (File.Exists(side))
        {
            foreach ((string token, JsonNode? id) in BoundedJson.ReadObject(side))
                Set(Id(id, token), token, -1000, UserDefined);
        }

        _addsSpacePrefix = model.AddDummyPrefix;
        Finish(metadata);
        return model.Kind == SentencePieceKind.Bpe
            ? null
            : $"tokenizer.model is a {model.Kind.ToString().ToLowerInvariant()} model; llama.cpp merges its pieces greedily by score, so that some texts may be cut differently";
    }

    private string? FromJson(GgufMetadata metadata)
    {
        JsonObject root = BoundedJson.ReadObject(_path, LargestTokenizer);
        if (root["model"] is not JsonObject model)
            throw Bad("has no 'model'");
        string? remark = null;
        bool byteFallback = model["byte_fallback"] is JsonValue flag && flag.TryGetValue(out bool on) && on;
        string? unknown = Text(model["unk_token"]);
        if (model["vocab"] is JsonArray unigram)
        {
            _model = "t5";
            for (int i = 0; i < unigram.Count; i++)
            {
                if (unigram[i] is not JsonArray { Count: 2 } pair || Text(pair[0]) is not { } token || pair[1] is not JsonValue score || !score.TryGetValue(out double value))
                    throw Bad($"vocab entry {i} is no pair of text and number");
                Set(i, token, (float)value, IsByte(token) ? Byte : Normal);
            }

            if (model["unk_id"] is JsonValue id && id.TryGetValue(out int place) && place >= 0 && place < _tokens.Length)
                _kinds[place] = Unknown;
        }
        else if (model["vocab"] is JsonObject vocabulary)
        {
            foreach ((string token, JsonNode? id) in vocabulary)
                Set(Id(id, token), token, 0, token == unknown ? Unknown : byteFallback && IsByte(token) ? Byte : Normal);
            List<(string Left, string Right)> merges = ReadMerges(model["merges"]);
            if (IsByteLevel(root))
            {
                _model = "gpt2";
                _merges = [.. merges.Select(pair => $"{pair.Left.Replace(' ', 'Ġ')} {pair.Right.Replace(' ', 'Ġ')}")];
                _splitter = FindSplitter(root);
                if (_splitter == "default")
                    remark = "the tokenizer's rule for splitting words is none that llama.cpp is known to have; tokenizer.ggml.pre is 'default', and some texts may be cut differently";
            }
            else
            {
                ScoreByMerges(vocabulary, merges);
                _addsSpacePrefix = root["normalizer"]?.ToJsonString().Contains("Prepend", StringComparison.Ordinal) == true
                    || (root["pre_tokenizer"] is JsonObject pre && Text(pre["prepend_scheme"]) is "always" or "first");
            }
        }
        else
        {
            throw Bad("has no vocabulary that GGUF can hold (BPE or unigram)");
        }

        if (root["added_tokens"] is JsonArray added)
        {
            foreach (JsonNode? node in added)
            {
                if (node is not JsonObject token || Text(token["content"]) is not { } content)
                    throw Bad("has an added token without content");
                int id = Id(token["id"], content);
                bool special = token["special"] is JsonValue mark && mark.TryGetValue(out bool isSpecial) && isSpecial;
                Set(id, content, id < _scores.Length && _kinds[id] != Unused ? _scores[id] : -1000, content == unknown ? Unknown : special ? Control : UserDefined);
            }
        }

        Finish(metadata);
        return remark;
    }

    private void Finish(GgufMetadata metadata)
    {
        metadata.Add("tokenizer.ggml.model", _model);
        metadata.Add("tokenizer.ggml.pre", _splitter ?? "default");
        metadata.Add("tokenizer.ggml.tokens", _tokens);
        if (_merges is null)
            metadata.Add("tokenizer.ggml.scores", _scores);
        metadata.Add("tokenizer.ggml.token_type", _kinds);
        if (_merges is not null)
            metadata.Add("tokenizer.ggml.merges", _merges);
        if (_addsSpacePrefix is { } prefix)
            metadata.Add("tokenizer.ggml.add_space_prefix", prefix);

        string settingsPath = Path.Join(_folder.Path, "tokenizer_config.json");
        JsonObject settings = File.Exists(settingsPath) ? BoundedJson.ReadObject(settingsPath) : [];
        foreach ((string role, string key) in new[] { ("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding") })
        {
            if (SpecialId(settings, role) is { } id)
                metadata.Add($"tokenizer.ggml.{key}_token_id", (uint)id);
        }

        foreach (string role in new[] { "bos", "eos" })
        {
            if (settings[$"add_{role}_token"] is JsonValue flag && flag.TryGetValue(out bool add))
                metadata.Add($"tokenizer.ggml.add_{role}_token", add);
        }

        if (ChatTemplate(settings) is { } template)
            metadata.Add("tokenizer.chat_template", template);
    }

    /// <summary>The id of a special token: the tokenizer's settings name its text, else config.json its number (the first of several).</summary>
    private int? SpecialId(JsonObject settings, string role)
    {
        JsonNode? named = settings[$"{role}_token"];
        string? text = Text(named) ?? (named is JsonObject token ? Text(token["content"]) : null);
        int index = text is null ? -1 : Array.IndexOf(_tokens, text);
        if (index >= 0)
            return index;
        JsonNode? node = _folder.GetConfig($"{role}_token_id");
        if (node is JsonArray { Count: > 0 } several)
            node = several[0];
        return node is JsonValue value && value.TryGetValue(out int id) && id >= 0 && id < _tokens.Length ? id : null;
    }

    private string? ChatTemplate(JsonObject settings)
    {
        string file = Path.Join(_folder.Path, "chat_template.jinja");
        if (File.Exists(file))
            return System.Text.Encoding.UTF8.GetString(BoundedJson.ReadBytes(file, BoundedJson.MaxConfigBytes));
        JsonNode? node = settings["chat_template"];
        if (node is JsonArray named)
            node = named.OfType<JsonObject>().FirstOrDefault(entry => Text(entry["name"]) == "default")?["template"];
        return Text(node);
    }

    /// <summary>SentencePiece-like BPE: llama.cpp joins the neighbours whose union has the highest score, so earlier merges score higher.</summary>
    private void ScoreByMerges(JsonObject vocabulary, List<(string Left, string Right)> merges)
    {
        for (int rank = merges.Count - 1; rank >= 0; rank--)
        {
            string joined = merges[rank].Left + merges[rank].Right;
            if (vocabulary.TryGetPropertyValue(joined, out JsonNode? id) && id is not null)
                _scores[Id(id, joined)] = -rank;
        }
    }

    private List<(string Left, string Right)> ReadMerges(JsonNode? node)
    {
        if (node is not JsonArray array)
            return [];
        List<(string, string)> merges = new(array.Count);
        foreach (JsonNode? entry in array)
        {
            string? text = Text(entry);
            int blank = text?.IndexOf(' ', 1) ?? -1;
            if (entry is JsonArray { Count: 2 } pair && Text(pair[0]) is { } left && Text(pair[1]) is { } right)
                merges.Add((left, right));
            else if (blank > 0)
                merges.Add((text![..blank], text[(blank + 1)..]));
            else
                throw Bad($"merge {merges.Count} is no pair");
        }

        return merges;
    }

    private static bool IsByteLevel(JsonObject root) =>
        (root["pre_tokenizer"]?.ToJsonString().Contains("\"ByteLevel\"", StringComparison.Ordinal) ?? false)
        || (root["decoder"]?.ToJsonString().Contains("\"ByteLevel\"", StringComparison.Ordinal) ?? false);

    /// <summary>The name that llama.cpp has for the rule that splits text into words, told from the expression's distinguishing parts.</summary>
    private static string FindSplitter(JsonObject root)
    {
        List<string> patterns = [];
        bool digits = false;
        void Visit(JsonNode? node, int depth)
        {
            if (node is not JsonObject step || depth > 4)
                return;
            string? type = Text(step["type"]);
            digits |= type == "Digits";
            if (type == "Split" && step["pattern"] is JsonObject pattern && Text(pattern["Regex"]) is { } regex)
                patterns.Add(regex);
            if (step["pretokenizers"] is JsonArray inner)
            {
                foreach (JsonNode? child in inner)
                    Visit(child, depth + 1);
            }
        }

        Visit(root["pre_tokenizer"], 0);
        if (patterns.Count == 0)
            return digits ? "smollm" : "gpt-2";
        if (patterns.Count > 1)
            return "default";
        return patterns[0] switch
        {
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+" => "llama-bpe",
            @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+" => "qwen2",
            var regex when regex.StartsWith(@"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|", StringComparison.Ordinal) => "tekken",
            _ => "default",
        };
    }

    private void Set(int id, string token, float score, int kind)
    {
        if (id < 0 || id >= _tokens.Length)
            throw Bad($"token {Quoted.Name(token)} has id {id}, but the embedding has {_tokens.Length} rows");
        _tokens[id] = token;
        _scores[id] = score;
        _kinds[id] = kind;
    }

    private int Id(JsonNode? node, string token) =>
        node is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue(out int id) ? id : throw Bad($"token {Quoted.Name(token)} has no number");

    private MerganserException Bad(string what) => new($"{_path}: {what}");

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static bool IsByte(string token) =>
        token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>' && char.IsAsciiHexDigit(token[3]) && char.IsAsciiHexDigit(token[4]);
}
