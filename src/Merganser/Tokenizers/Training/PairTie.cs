namespace Merganser.Tokenizers;

/// <summary>Which of several pairs of equal weight comes first.</summary>
internal enum PairTie
{
    /// <summary>The pair with the lower left symbol, then the lower right symbol (the trainers).</summary>
    LowestSymbols,

    /// <summary>The pair that is met first when the sequences are read in the order they were added.</summary>
    FirstInScanOrder,
}
