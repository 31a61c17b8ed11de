using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Tokenizers;

/// <summary>
/// Puts models onto one vocabulary: every matrix with a row for each token (input embedding, head, bias of the head) gets the
/// rows of the <see cref="RowPlan"/>, and the files of the tokenizer are rewritten to match. All changes of vocabulary go
/// through here, so that matrices and files cannot part ways.
/// </summary>
public sealed class VocabularyTransplant
{
    private readonly IReadOnlyList<int> _rows;

    /// <summary>Makes a transplant.</summary>
    /// <param name="plan">The joined vocabulary and where each row comes from.</param>
    /// <param name="rows">For each model the rows of its embedding.</param>
    public VocabularyTransplant(RowPlan plan, IReadOnlyList<int> rows)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count != plan.Union.Models.Count)
            throw new ArgumentException("every model has a number of rows", nameof(rows));
        Plan = plan;
        _rows = rows;
    }

    /// <summary>Where rows come from.</summary>
    public RowPlan Plan { get; }

    /// <summary>The joined vocabulary.</summary>
    public VocabularyUnion Union => Plan.Union;

    /// <summary>
    /// Whether a tensor has a row for each token. Embeddings of other things (segments, positions) have fewer rows than there
    /// are tokens; a bias has one value a row.
    /// </summary>
    /// <param name="definition">What the tensor is in its architecture.</param>
    /// <param name="model">The model.</param>
    /// <param name="tensor">The tensor.</param>
    public bool HasRowPerToken(WeightDefinition definition, int model, TensorInfo tensor)
    {
        ArgumentNullException.ThrowIfNull(definition);
        ArgumentNullException.ThrowIfNull(tensor);
        return definition.IsEmbedding
            ? tensor.Shape.Length > 0 && tensor.Shape[0] >= Math.Min(_rows[model], Union.Models[model].Limit)
            : definition.Name.EndsWith("bias", StringComparison.Ordinal) && tensor.Shape is [var length] && length == _rows[model]
                && !definition.Name.Contains(".layer", StringComparison.Ordinal);
    }

    /// <summary>The tensor of a model with the joined rows; the tensor itself where nothing changes.</summary>
    /// <param name="model">The model.</param>
    /// <param name="matrices">The same tensor in every model; null where a model lacks it.</param>
    /// <exception cref="MerganserException">The models' rows have different lengths.</exception>
    public TensorSource Rows(int model, IReadOnlyList<TensorSource?> matrices)
    {
        ArgumentNullException.ThrowIfNull(matrices);
        TensorSource own = matrices[model] ?? throw new ArgumentException("the model must have the tensor", nameof(matrices));
        return IsIdentity(model, own.Info) ? own : new AlignedRows(Plan, model, matrices);
    }

    /// <summary>The new id of a model's token; the old one where the token is gone.</summary>
    public int NewId(int model, int id)
    {
        Vocabulary tokens = Union.Models[model].Tokens;
        return tokens.Contains(id) && Union.TryGetId(tokens.GetText(id), out int found) ? found : id;
    }

    /// <summary>The reference's tokenizer.json with the joined vocabulary.</summary>
    /// <param name="uniteMerges">Whether new tokens become part of the BPE model, with those merges of the other models whose parts
    /// and result are there; otherwise they are added tokens.</param>
    /// <param name="asked">Tokens that stay added tokens in any case.</param>
    /// <exception cref="MerganserException">The reference has no tokenizer.json, or merges cannot be united.</exception>
    public byte[] RewriteTokenizer(bool uniteMerges, IEnumerable<string> asked)
    {
        ModelVocabulary reference = Union.Models[Union.Reference];
        string json = reference.File
            ?? throw new MerganserException($"{reference.Name} has no tokenizer.json, and without it its vocabulary cannot be changed; write one with 'merganser tokenizer convert'");
        bool renumbers = Union.Join == VocabularyJoin.Intersection || reference.Limit < reference.Tokens.IdLimit;
        List<(string Token, int Id)> tokens = [];
        List<(string Left, string Right)> merges = [];
        if (uniteMerges)
            UniteMerges(reference, tokens, merges);
        HashSet<string> inModel = [.. tokens.Select(token => token.Token)];
        HashSet<string> defined = [.. Union.Models.SelectMany(model => model.AddedTokens).Select(token => token.Content).Concat(asked)];
        return new TokenizerJsonEditor(json)
        {
            AddedTokens = [.. Union.AddedTokens.Where(token => !inModel.Contains(token.Content) || defined.Contains(token.Content))],
            NewId = renumbers ? (token, _) => Union.TryGetId(token, out int id) ? id : -1 : null,
            NewUnknownId = renumbers && reference.UnknownId is { } unknown ? NewId(Union.Reference, unknown) : null,
            NewTokens = tokens,
            NewMerges = merges,
        }.Apply();
    }

    /// <summary>The added tokens as <c>tokenizer_config.json</c> lists them.</summary>
    public JsonObject AddedTokensDecoder()
    {
        JsonObject decoder = [];
        foreach (AddedToken token in Union.AddedTokens)
        {
            decoder[token.Id.ToString(CultureInfo.InvariantCulture)] = new JsonObject
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

    private bool IsIdentity(int model, TensorInfo tensor)
    {
        if (tensor.Shape[0] != Plan.Rows || Plan.Unpadded != Plan.Rows)
            return false;
        for (int row = 0; row < Plan.Rows; row++)
        {
            if (Plan.Find(model, row) is not { IsSingle: true } origin || origin.Model != model || origin.Row != row)
                return false;
        }

        return true;
    }

    private void UniteMerges(ModelVocabulary reference, List<(string Token, int Id)> tokens, List<(string Left, string Right)> merges)
    {
        foreach (ModelVocabulary model in Union.Models)
        {
            if (model.Kind != "BPE" || model.File is null)
                throw new MerganserException($"merge_mode merges needs BPE tokenizers (tokenizer.json), and that of {model.Name} is none");
        }

        HashSet<string> own = TokenizerJsonTokens.ModelTokens(reference.File!);
        HashSet<(string, string)> known = [.. TokenizerJsonTokens.Merges(reference.File!)];
        for (int id = 0; id < Union.Count; id++)
        {
            if (Union.Token(id) is { } token && own.Add(token))
                tokens.Add((token, id));
        }

        foreach (ModelVocabulary model in Union.Models)
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
}
