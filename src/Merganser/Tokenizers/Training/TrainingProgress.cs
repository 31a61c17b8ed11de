namespace Merganser.Tokenizers;

/// <summary>How far a training is.</summary>
/// <param name="Stage">What it is doing.</param>
/// <param name="Done">How much of this stage is done.</param>
/// <param name="Total">How much there is to do in this stage; 0 when that is not known.</param>
public readonly record struct TrainingProgress(TrainingStage Stage, long Done, long Total);

/// <summary>What a training does after another; each trainer has some of these.</summary>
public enum TrainingStage
{
    /// <summary>Reads text and counts pretokens; measured in bytes.</summary>
    Counting,

    /// <summary>Merges pairs; measured in tokens of the vocabulary.</summary>
    Merging,

    /// <summary>Looks for substrings that occur more than once; measured in bytes of distinct pretokens.</summary>
    Seeding,

    /// <summary>Estimates scores and drops pieces; measured in pieces that are still too many, counted from the seeds.</summary>
    Estimating,
}
