namespace Merganser.Neural.Training;

/// <summary>How far a run is.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps of the run.</param>
/// <param name="Loss">The last training loss.</param>
/// <param name="LearningRate">The last learning rate.</param>
/// <param name="UnitsPerSecond">Tokens, images, … per second.</param>
/// <param name="Unit">What they are.</param>
/// <param name="TimeLeft">How long it will take, as fast as since the start of this process.</param>
/// <param name="Evaluation">The evaluation made after this step, if one was made.</param>
public sealed record TrainingProgress(int Step, int Steps, double Loss, double LearningRate, double UnitsPerSecond, string Unit, TimeSpan TimeLeft, TrainingEvaluation? Evaluation);

/// <summary>The end of a run.</summary>
/// <param name="Steps">Steps done.</param>
/// <param name="StoppedEarly">Whether held-out examples ended it.</param>
/// <param name="BestStep">The step whose parameters these are.</param>
/// <param name="Best">Its evaluation; null if nothing was evaluated.</param>
/// <param name="Log">What was logged.</param>
public sealed record TrainingReport(int Steps, bool StoppedEarly, int BestStep, TrainingEvaluation? Best, TrainingLog Log);
