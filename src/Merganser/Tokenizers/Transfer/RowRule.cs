namespace Merganser.Tokenizers;

/// <summary>Where the embedding of a token comes from in models that lack it, or in all when it is forced.</summary>
public enum RowSource
{
    /// <summary>The only owner's row, else the base's, else the mean of all owners' rows, else zeros.</summary>
    Default,

    /// <summary>Zeros.</summary>
    Zero,

    /// <summary>A row of one model.</summary>
    Model,
}

/// <summary>An explicit choice for one token.</summary>
/// <param name="Token">The token.</param>
/// <param name="Source">Where its row comes from.</param>
/// <param name="Model">The index of the model, for <see cref="RowSource.Model"/>.</param>
/// <param name="Row">The row of that model; -1 for the row of the same token.</param>
/// <param name="Force">Whether the models that have the token get this row too.</param>
public sealed record RowRule(string Token, RowSource Source, int Model = -1, int Row = -1, bool Force = false);
