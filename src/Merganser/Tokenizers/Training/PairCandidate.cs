namespace Merganser.Tokenizers;

/// <summary>A pair of adjacent symbols that <see cref="PairCounts"/> proposes.</summary>
/// <param name="Left">The left symbol.</param>
/// <param name="Right">The right symbol.</param>
/// <param name="Weight">The sum of the weights of its occurrences.</param>
/// <param name="Entry">Where <see cref="PairCounts"/> keeps the sequences that hold it.</param>
internal readonly record struct PairCandidate(int Left, int Right, double Weight, int Entry);
