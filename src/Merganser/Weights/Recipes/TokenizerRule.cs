using System.Collections.Immutable;
using System.Globalization;
using Merganser.Tokenizers;

namespace Merganser.Weights.Recipes;

/// <summary>What <c>tokenizer_source</c> or the block <c>tokenizer</c> asks for.</summary>
public sealed record TokenizerRule
{
    /// <summary>Which tokens the merged model has.</summary>
    public VocabularyJoin Join { get; init; } = VocabularyJoin.Union;

    /// <summary>The model whose tokenizer is taken; null for the base (or the first model).</summary>
    public ModelReference? Model { get; init; }

    /// <summary>Choices for single tokens.</summary>
    public ImmutableArray<TokenRule> Tokens { get; init; } = [];

    /// <summary>The number of rows becomes a multiple of this.</summary>
    public int PadToMultipleOf { get; init; } = 1;

    /// <summary>Whether rows beyond the vocabulary are kept (mergekit cuts them off).</summary>
    public bool KeepPadding { get; init; }

    /// <summary>Whether a union of BPE tokenizers also unites their merges, so that new tokens are found as the other model finds them.</summary>
    public bool UniteMerges { get; init; }

    /// <summary>The models that the rule names.</summary>
    internal IEnumerable<ModelReference> Models => Tokens.Select(token => token.Model).Prepend(Model).OfType<ModelReference>();

    /// <summary>The rule with every model replaced.</summary>
    internal TokenizerRule Map(Func<ModelReference, ModelReference> replace) => this with
    {
        Model = Model is null ? null : replace(Model),
        Tokens = [.. Tokens.Select(token => token.Model is null ? token : token with { Model = replace(token.Model) })],
    };

    internal static TokenizerRule Read(RecipeNodes nodes, YamlNode? source, YamlNode? block)
    {
        if (block is null)
            return WithSource(nodes, new TokenizerRule(), source!);
        YamlMapping map = RecipeReader.Mapping(block, "'tokenizer'");
        nodes.CheckKeys(map, "tokenizer block", ["source", "tokens", "pad_to_multiple_of", "keep_vocab_padding", "merge_mode"]);
        TokenizerRule rule = new()
        {
            Tokens = map.Find("tokens") is { } tokens ? [.. RecipeReader.Mapping(tokens, "'tokens'").Entries.Select(entry => TokenRule.Read(nodes, entry.Key, entry.Value))] : [],
            PadToMultipleOf = map.Find("pad_to_multiple_of") is { } pad ? Number(pad, "'pad_to_multiple_of'", 1, 1 << 20) : 1,
            KeepPadding = map.Find("keep_vocab_padding") is { } keep && Switch(keep, "'keep_vocab_padding'"),
            UniteMerges = map.Find("merge_mode") is { } mode && RecipeReader.Word(mode, "'merge_mode'") switch
            {
                "merges" => true,
                "added_tokens" => false,
                string other => throw mode.Position.Error($"unknown merge_mode {NearestName.Quote(other)}{NearestName.Hint(other, ["added_tokens", "merges"])}"),
            },
        };
        return map.Find("source") is { } from ? WithSource(nodes, rule, from) : rule;
    }

    internal static int Number(YamlNode node, string what, int least, int most) =>
        node is YamlScalar scalar && int.TryParse(scalar.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least && number <= most
            ? number
            : throw node.Position.Error($"{what} must be a whole number from {least} to {most}, not {node.Kind}");

    internal static bool Switch(YamlNode node, string what) => node is YamlScalar { Plain: true } scalar
        ? scalar.Value.ToLowerInvariant() switch
        {
            "true" => true,
            "false" => false,
            _ => throw node.Position.Error($"{what} must be true or false, not {node.Kind}"),
        }
        : throw node.Position.Error($"{what} must be true or false, not {node.Kind}");

    private static TokenizerRule WithSource(RecipeNodes nodes, TokenizerRule rule, YamlNode source) => source switch
    {
        YamlScalar { Value: "union" } => rule with { Join = VocabularyJoin.Union },
        YamlScalar { Value: "base" } => rule with { Join = VocabularyJoin.Reference },
        YamlScalar { Value: "intersection" } => rule with { Join = VocabularyJoin.Intersection },
        _ => rule with { Join = VocabularyJoin.Reference, Model = nodes.Model(source) },
    };
}

/// <summary>Where the row of one token comes from.</summary>
/// <param name="Token">The token.</param>
/// <param name="Position">Where it is written.</param>
public sealed record TokenRule(string Token, RecipePosition Position)
{
    /// <summary>What the row is.</summary>
    public RowSource Source { get; init; }

    /// <summary>The model that gives the row.</summary>
    public ModelReference? Model { get; init; }

    /// <summary>The token of that model; null for the same one.</summary>
    public string? ModelToken { get; init; }

    /// <summary>The id in that model; null for the token's.</summary>
    public int? ModelTokenId { get; init; }

    /// <summary>Whether models that have the token get this row too.</summary>
    public bool Force { get; init; }

    internal static TokenRule Read(RecipeNodes nodes, YamlScalar token, YamlNode node)
    {
        YamlMapping map = RecipeReader.Mapping(node, $"the entry of the token {NearestName.Quote(token.Value)}");
        nodes.CheckKeys(map, "token", ["source", "force"]);
        TokenRule rule = new(token.Value, token.Position) { Force = map.Find("force") is { } force && TokenizerRule.Switch(force, "'force'") };
        if (map.Find("source") is not { } source)
            return rule;
        if (source is not YamlMapping block || block.Find("kind") is not { } kind)
            return rule with { Source = RowSource.Model, Model = nodes.Model(source) };
        switch (RecipeReader.Word(kind, "'kind'"))
        {
            case "zero":
                nodes.CheckKeys(block, "token source", ["kind"]);
                return rule with { Source = RowSource.Zero };
            case "model_token":
                nodes.CheckKeys(block, "token source", ["kind", "model", "token", "token_id"]);
                YamlNode? text = block.Find("token"), id = block.Find("token_id");
                if ((text is null) == (id is null))
                    throw block.Position.Error("a model_token needs exactly one of 'token' and 'token_id'");
                return rule with
                {
                    Source = RowSource.Model,
                    Model = nodes.Model(block.Find("model") ?? throw block.Position.Error("'model' is missing in the token source")),
                    ModelToken = text is null ? null : RecipeReader.Word(text, "'token'"),
                    ModelTokenId = id is null ? null : TokenizerRule.Number(id, "'token_id'", 0, int.MaxValue),
                };
            default:
                string other = RecipeReader.Word(kind, "'kind'");
                throw kind.Position.Error($"unknown kind of token source {NearestName.Quote(other)}{NearestName.Hint(other, ["zero", "model_token"])}");
        }
    }
}
