namespace Merganser.Tokenizers;

/// <summary>
/// For every row of the joined embedding and every model where the row comes from. Rows are named, nothing is copied: one plan
/// serves the input embedding, the head and their biases.
/// </summary>
/// <remarks>
/// A model's own row if it has the token; else the row that a <see cref="RowRule"/> names; else the only owner's row; else the
/// base's; else the arithmetic mean of the owners' rows; else zeros. Rows without a token (gaps, and padding that is kept) are
/// the reference's rows of the same number; padding rows are the mean of all other rows of the model.
/// </remarks>
public sealed class RowPlan
{
    private const int FromMean = -1, FromZero = -2;

    private readonly VocabularyUnion _union;
    private readonly Dictionary<int, RowRule> _rules = [];
    private readonly int _base;
    private readonly int _unpadded;

    /// <summary>Makes a plan.</summary>
    /// <param name="union">The joined vocabulary.</param>
    /// <param name="baseModel">The index of the base model, -1 when there is none.</param>
    /// <param name="rules">Choices for single tokens.</param>
    /// <param name="padToMultipleOf">The number of rows becomes a multiple of this; 1 adds none.</param>
    /// <param name="keepRows">At least this many rows: those beyond the tokens are the reference's.</param>
    public RowPlan(VocabularyUnion union, int baseModel = -1, IEnumerable<RowRule>? rules = null, int padToMultipleOf = 1, int keepRows = 0)
    {
        ArgumentNullException.ThrowIfNull(union);
        ArgumentOutOfRangeException.ThrowIfLessThan(padToMultipleOf, 1);
        _union = union;
        _base = baseModel;
        _unpadded = Math.Max(union.Count, keepRows);
        Rows = checked((_unpadded + padToMultipleOf - 1) / padToMultipleOf * padToMultipleOf);
        foreach (RowRule rule in rules ?? [])
        {
            if (!union.TryGetId(rule.Token, out int id))
                throw new MerganserException($"the token '{rule.Token}' is not in the merged vocabulary");
            if (rule is { Source: RowSource.Model, Row: < 0 } && union.IdsOf(rule.Model)[id] < 0)
                throw new MerganserException($"the row of the token '{rule.Token}' should come from {union.Models[rule.Model].Name}, which has no such token");
            _rules[id] = rule;
        }
    }

    /// <summary>The number of rows.</summary>
    public int Rows { get; }

    /// <summary>The rows before padding.</summary>
    public int Unpadded => _unpadded;

    /// <summary>The joined vocabulary.</summary>
    public VocabularyUnion Union => _union;

    /// <summary>Tokens that no model has and no rule gives a row to: they begin as zeros.</summary>
    public IEnumerable<string> Orphans()
    {
        for (int id = 0; id < _union.Count; id++)
        {
            if (_union.Contains(id) && !_rules.ContainsKey(id) && Find(0, id) is { Kind: FromZero })
                yield return _union.Token(id)!;
        }
    }

    /// <summary>Finds one row: (model, row) of a single source, or no single source.</summary>
    /// <param name="model">The model whose matrix is made.</param>
    /// <param name="row">The row, below <see cref="Unpadded"/>.</param>
    /// <param name="owners">Which models take part; others have no such matrix.</param>
    internal RowOrigin Find(int model, int row, Func<int, bool>? owners = null)
    {
        if (row >= _union.Count || !_union.Contains(row))
            return new RowOrigin(_union.Reference, row, 0);
        _rules.TryGetValue(row, out RowRule? rule);
        int own = _union.IdsOf(model)[row];
        if (own >= 0 && rule is not { Force: true })
            return new RowOrigin(model, own, 0);
        switch (rule?.Source)
        {
            case RowSource.Zero:
                return new RowOrigin(-1, -1, FromZero);
            case RowSource.Model:
                return new RowOrigin(rule.Model, rule.Row >= 0 ? rule.Row : _union.IdsOf(rule.Model)[row], 0);
        }

        int only = -1, count = 0;
        for (int other = 0; other < _union.Models.Count; other++)
        {
            if (_union.IdsOf(other)[row] >= 0 && (owners is null || owners(other)))
            {
                only = other;
                count++;
            }
        }

        if (count == 0)
            return new RowOrigin(-1, -1, FromZero);
        if (count > 1 && _base >= 0 && _union.IdsOf(_base)[row] >= 0 && (owners is null || owners(_base)))
            only = _base;
        else if (count > 1)
            return new RowOrigin(-1, -1, FromMean);
        return new RowOrigin(only, _union.IdsOf(only)[row], 0);
    }

    /// <summary>Where a row comes from.</summary>
    internal readonly record struct RowOrigin(int Model, int Row, int Kind)
    {
        public bool IsSingle => Kind == 0;

        public bool IsMean => Kind == FromMean;
    }
}
