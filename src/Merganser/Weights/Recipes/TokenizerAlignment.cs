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
    private readonly VocabularyUnion _union;
    private readonly VocabularyTransplant _transplant;
    private readonly RecipePosition _position;

    private TokenizerAlignment(MergeRecipe recipe, TokenizerRule rule, List<OpenModel> members, List<int> rows, IReadOnlyList<ModelVocabulary> vocabularies, Action<string> warn)
    {
        _rule = rule;
        _members = members;
        _position = recipe.TokenizerPosition;
        int baseModel = recipe.BaseModel is { } name ? members.FindIndex(member => member.Reference == name) : -1;
        int reference = rule.Model is { } named ? members.FindIndex(member => member.Reference == named) : Math.Max(0, baseModel);
        _union = VocabularyUnion.Of(vocabularies, reference, rule.Join, rule.Tokens.Select(token => token.Token));
        List<RowRule> rules = [.. rule.Tokens.Where(token => token.Source != RowSource.Default || token.Force).Select(token => Resolve(token, members, rows, vocabularies))];
        RowPlan plan = new(_union, baseModel, rules, rule.PadToMultipleOf, rule.KeepPadding ? rows[reference] : 0);
        _transplant = new VocabularyTransplant(plan, rows);
        foreach (string warning in _union.Warnings)
            warn(warning);
        foreach (string orphan in plan.Orphans())
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
        if (!inputs.Concat(apart is null ? [] : [apart]).All(input => HasRowPerToken(definition, input.Model, input.Tensor)))
            return;
        TensorSource?[] matrices = [.. _members.Select(member => member.Find(definition, tied: true) is { } tensor && HasRowPerToken(definition, member, tensor) ? tensor : null)];
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
        written["tokenizer.json"] = System.Text.Encoding.UTF8.GetString(Rewrite());
        copied.Remove("tokenizer.json");
        foreach (string old in new[] { "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json", "merges.txt", "vocab.txt", "added_tokens.json" })
        {
            if (copied.Remove(old))
                warn($"{old} of {source.Label} is left out: it does not have the merged vocabulary; tokenizer.json does");
        }

        if (copied.TryGetValue("tokenizer_config.json", out string? config) && BoundedJson.ReadObject(config)["added_tokens_decoder"] is JsonObject)
        {
            copied.Remove("tokenizer_config.json");
            written["tokenizer_config.json"] = System.Text.Encoding.UTF8.GetString(ConfigEditor.Open(config).Set("added_tokens_decoder", _transplant.AddedTokensDecoder()).ToArray());
        }
    }

    /// <summary>Gives the ids of special tokens in a configuration the numbers that the tokens have now.</summary>
    public void RenumberSpecialTokens(OpenModel donor, ConfigEditor editor, JsonObject config)
    {
        int member = _members.IndexOf(donor);
        int New(int id) => _transplant.NewId(member, id);
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

    private bool HasRowPerToken(WeightDefinition definition, OpenModel model, TensorSource tensor) => _transplant.HasRowPerToken(definition, _members.IndexOf(model), tensor.Info);

    private PlannedInput Aligned(PlannedInput input, TensorSource?[] matrices) => input with { Tensor = _transplant.Rows(_members.IndexOf(input.Model), matrices) };

    private byte[] Rewrite()
    {
        try
        {
            return _transplant.RewriteTokenizer(_rule.UniteMerges, _rule.Tokens.Select(token => token.Token));
        }
        catch (MerganserException e) when (!e.Message.Contains(".json:", StringComparison.Ordinal))
        {
            throw _position.Error(e.Message);
        }
    }
}
