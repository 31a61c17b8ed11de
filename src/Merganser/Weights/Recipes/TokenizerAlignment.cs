using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Tokenizers;

namespace Merganser.Weights.Recipes;

/// <summary>
/// One vocabulary for the models of a recipe: joins their tokens, gives every matrix with a row for each token the joined rows
/// and writes the tokenizer's files to match.
/// </summary>
internal sealed class TokenizerAlignment
{
    private static readonly string[] SpecialIds =
        ["bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "sep_token_id", "cls_token_id", "mask_token_id", "decoder_start_token_id"];

    private readonly TokenizerRule _rule;
    private readonly List<OpenModel> _members;
    private readonly List<int> _rows;
    private readonly VocabularyUnion _union;
    private readonly RowPlan _plan;
    private readonly RecipePosition _position;

    private TokenizerAlignment(MergeRecipe recipe, TokenizerRule rule, List<OpenModel> members, List<int> rows, IReadOnlyList<ModelVocabulary> vocabularies, Action<string> warn)
    {
        _rule = rule;
        _members = members;
        _rows = rows;
        _position = recipe.TokenizerPosition;
        int baseModel = recipe.BaseModel is { } name ? members.FindIndex(member => member.Reference == name) : -1;
        int reference = rule.Model is { } named ? members.FindIndex(member => member.Reference == named) : Math.Max(0, baseModel);
        _union = VocabularyUnion.Of(vocabularies, reference, rule.Join, rule.Tokens.Select(token => token.Token));
        List<RowRule> rules = [.. rule.Tokens.Where(token => token.Source != RowSource.Default || token.Force).Select(token => Resolve(token, members, rows, vocabularies))];
        _plan = new RowPlan(_union, baseModel, rules, rule.PadToMultipleOf, rule.KeepPadding ? rows[reference] : 0);
        foreach (string warning in _union.Warnings)
            warn(warning);
        foreach (string orphan in _plan.Orphans())
            warn($"no model has the token '{orphan}': its rows begin as zeros");
    }

    /// <summary>Reads the vocabularies and joins them.</summary>
    /// <exception cref="MerganserException">The tokenizer that all depends on cannot be read, or a token has no row where the recipe says.</exception>
    public static TokenizerAlignment Make(MergeRecipe recipe, TokenizerRule rule, ModelSet models, Architecture architecture, Action<string> warn)
    {
        List<OpenModel> members = [.. models.All.OrderBy(model => model.Reference != recipe.BaseModel)];
        List<int> rows = [.. members.Select(member => EmbeddingRows(member, architecture) ?? throw recipe.TokenizerPosition.Error($"{member.Label} has no embedding with a row for each token"))];
        List<ModelVocabulary?> read = [];
        for (int i = 0; i < members.Count; i++)
        {
            int limit = Math.Min(rows[i], members[i].Folder.GetConfigInt(architecture.VocabularySizeKey) ?? int.MaxValue);
            read.Add(ModelVocabulary.ReadFolder(members[i].Folder.Path, members[i].Label, limit));
        }

        OpenModel first = rule.Model is { } named ? members.Find(member => member.Reference == named)! : members[0];
        ModelVocabulary stand = read[members.IndexOf(first)]
            ?? throw recipe.TokenizerPosition.Error($"{first.Label} has no tokenizer.json, vocab.json or vocab.txt, so its vocabulary is not known");
        List<ModelVocabulary> vocabularies = [];
        for (int i = 0; i < members.Count; i++)
        {
            if (read[i] is null)
                warn($"{members[i].Label} has no tokenizer that could be read; it is taken to be that of {first.Label}");
            vocabularies.Add(read[i] ?? stand with { Name = members[i].Label, Limit = Math.Min(stand.Limit, rows[i]) });
        }

        return new TokenizerAlignment(recipe, rule, members, rows, vocabularies, warn);
    }

    /// <summary>Gives the inputs of an embedding, a head or a bias over tokens the joined rows.</summary>
    public void Align(WeightDefinition definition, List<PlannedInput> inputs, ref PlannedInput? apart)
    {
        if (!inputs.Concat(apart is null ? [] : [apart]).All(input => HasRowPerToken(definition, input)))
            return;
        TensorSource?[] matrices = [.. _members.Select(member => member.Find(definition, tied: true) is { } tensor && Info(definition, member, tensor) ? tensor : null)];
        for (int i = 0; i < inputs.Count; i++)
            inputs[i] = Aligned(inputs[i], matrices);
        if (apart is not null)
            apart = Aligned(apart, matrices);
    }

    /// <summary>Writes the files of the tokenizer: those of the model it comes from, with the vocabulary as it is now.</summary>
    public void WriteFiles(SortedDictionary<string, string> copied, SortedDictionary<string, string> written, Action<string> warn)
    {
        OpenModel source = _members[_union.Reference];
        foreach (string name in ModelFolder.TokenizerFileNames)
            copied.Remove(name);
        foreach (string file in source.Folder.SideFiles())
        {
            if (ModelFolder.TokenizerFileNames.Contains(Path.GetFileName(file)))
                copied[Path.GetFileName(file)] = file;
        }

        if (_union.IsReference && !_rule.UniteMerges)
            return;
        if (_union.Models[_union.Reference].File is not { } json)
            throw _position.Error($"{source.Label} has no tokenizer.json, and without it its vocabulary cannot be changed; write one with 'merganser tokenizer convert'");
        written["tokenizer.json"] = System.Text.Encoding.UTF8.GetString(Editor(json).Apply());
        copied.Remove("tokenizer.json");
        foreach (string old in new[] { "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json", "merges.txt", "vocab.txt", "added_tokens.json" })
        {
            if (copied.Remove(old))
                warn($"{old} of {source.Label} is left out: it does not have the merged vocabulary; tokenizer.json does");
        }

        if (copied.TryGetValue("tokenizer_config.json", out string? config) && BoundedJson.ReadObject(config)["added_tokens_decoder"] is JsonObject)
        {
            copied.Remove("tokenizer_config.json");
            written["tokenizer_config.json"] = System.Text.Encoding.UTF8.GetString(ConfigEditor.Open(config).Set("added_tokens_decoder", AddedTokensDecoder()).ToArray());
        }
    }

    /// <summary>Gives the ids of special tokens in a configuration the numbers that the tokens have now.</summary>
    public void RenumberSpecialTokens(OpenModel donor, ConfigEditor editor, JsonObject config)
    {
        ModelVocabulary own = _union.Models[_members.IndexOf(donor)];
        int New(int id) => own.Tokens.Contains(id) && _union.TryGetId(own.Tokens.GetText(id), out int found) ? found : id;
        foreach (string key in SpecialIds)
        {
            if (config[key] is JsonValue value && value.TryGetValue(out int id) && New(id) != id)
                editor.Set(key, JsonValue.Create(New(id)));
            else if (config[key] is JsonArray list && list.All(item => item is JsonValue number && number.TryGetValue(out int _)) && list.Any(item => New((int)item!) != (int)item!))
                editor.Set(key, new JsonArray([.. list.Select(item => (JsonNode)JsonValue.Create(New((int)item!)))]));
        }
    }

    private static RowRule Resolve(TokenRule token, List<OpenModel> members, List<int> rows, IReadOnlyList<ModelVocabulary> vocabularies)
    {
        if (token.Source != RowSource.Model)
            return new RowRule(token.Token, token.Source, Force: token.Force);
        int model = members.FindIndex(member => member.Reference == token.Model);
        int row = -1;
        if (token.ModelTokenId is { } id)
            row = id < rows[model] ? id : throw token.Position.Error($"{members[model].Label} has {rows[model]} rows, so there is no token_id {id}");
        else if (!vocabularies[model].TryGetId(System.Text.Encoding.UTF8.GetBytes(token.ModelToken ?? token.Token), out row))
            throw token.Position.Error($"{members[model].Label} has no token {NearestName.Quote(token.ModelToken ?? token.Token)}");
        return new RowRule(token.Token, RowSource.Model, model, row, token.Force);
    }

    private static int? EmbeddingRows(OpenModel model, Architecture architecture)
    {
        foreach (WeightDefinition weight in architecture.Modules.SelectMany(module => module.Pre.Concat(module.Post)))
        {
            if (weight.IsEmbedding && model.Find(weight, tied: true) is { Info.Shape: [var rows, _] })
                return checked((int)rows);
        }

        return null;
    }

    private bool HasRowPerToken(WeightDefinition definition, PlannedInput input) => Info(definition, input.Model, input.Tensor);

    /// <summary>Embeddings of other things than tokens (segments, positions) have fewer rows; a bias of the head has one value a row.</summary>
    private bool Info(WeightDefinition definition, OpenModel model, TensorSource tensor)
    {
        int member = _members.IndexOf(model);
        return definition.IsEmbedding
            ? tensor.Info.Shape.Length > 0 && tensor.Info.Shape[0] >= Math.Min(_rows[member], _union.Models[member].Limit)
            : definition.Name.EndsWith("bias", StringComparison.Ordinal) && tensor.Info.Shape is [var length] && length == _rows[member] && !definition.Name.Contains(".layer", StringComparison.Ordinal);
    }

    private PlannedInput Aligned(PlannedInput input, TensorSource?[] matrices)
    {
        int member = _members.IndexOf(input.Model);
        return IsIdentity(member, input.Tensor) ? input : input with { Tensor = new AlignedRows(_plan, member, matrices) };
    }

    private bool IsIdentity(int member, TensorSource tensor)
    {
        if (tensor.Info.Shape[0] != _plan.Rows || _plan.Unpadded != _plan.Rows)
            return false;
        for (int row = 0; row < _plan.Rows; row++)
        {
            if (_plan.Find(member, row) is not { IsSingle: true } origin || origin.Model != member || origin.Row != row)
                return false;
        }

        return true;
    }

    private TokenizerJsonEditor Editor(string json)
    {
        ModelVocabulary reference = _union.Models[_union.Reference];
        bool all = _union.Join == VocabularyJoin.Intersection || reference.Limit < reference.Tokens.IdLimit;
        List<(string, int)> tokens = [];
        List<(string, string)> merges = [];
        if (_rule.UniteMerges)
            UniteMerges(reference, tokens, merges);
        HashSet<string> inModel = [.. tokens.Select(token => token.Item1)];
        HashSet<string> defined = [.. _union.Models.SelectMany(model => model.AddedTokens).Select(token => token.Content)];
        HashSet<string> asked = [.. _rule.Tokens.Select(token => token.Token)];
        return new TokenizerJsonEditor(json)
        {
            AddedTokens = [.. _union.AddedTokens.Where(token => !inModel.Contains(token.Content) || defined.Contains(token.Content) || asked.Contains(token.Content))],
            NewId = all ? (token, _) => _union.TryGetId(token, out int id) ? id : -1 : null,
            NewUnknownId = all && reference.UnknownId is { } unknown && _union.TryGetId(reference.Tokens.GetText(unknown), out int renumbered) ? renumbered : null,
            NewTokens = tokens,
            NewMerges = merges,
        };
    }

    /// <summary>New tokens go into the BPE model itself, with those merges of the other models whose parts and result are there.</summary>
    private void UniteMerges(ModelVocabulary reference, List<(string, int)> tokens, List<(string, string)> merges)
    {
        foreach (ModelVocabulary model in _union.Models)
        {
            if (model.Kind != "BPE" || model.File is null)
                throw _position.Error($"merge_mode merges needs BPE tokenizers (tokenizer.json), and that of {model.Name} is none");
        }

        HashSet<string> own = TokenizerJsonTokens.ModelTokens(reference.File!);
        HashSet<(string, string)> known = [.. TokenizerJsonTokens.Merges(reference.File!)];
        for (int id = 0; id < _union.Count; id++)
        {
            if (_union.Token(id) is { } token && own.Add(token))
                tokens.Add((token, id));
        }

        foreach (ModelVocabulary model in _union.Models)
        {
            if (model.File == reference.File)
                continue;
            foreach ((string left, string right) in TokenizerJsonTokens.Merges(model.File!))
            {
                if (own.Contains(left) && own.Contains(right) && own.Contains(left + right) && known.Add((left, right)))
                    merges.Add((left, right));
            }
        }
    }

    private JsonObject AddedTokensDecoder()
    {
        JsonObject decoder = [];
        foreach (AddedToken token in _union.AddedTokens)
        {
            decoder[token.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)] = new JsonObject
            {
                ["content"] = token.Content,
                ["lstrip"] = token.LeftStrip,
                ["normalized"] = token.Normalized,
                ["rstrip"] = token.RightStrip,
                ["single_word"] = token.SingleWord,
                ["special"] = token.Special,
            };
        }

        return decoder;
    }
}
