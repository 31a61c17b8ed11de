namespace Merganser.Neural.Training;

/// <summary>A task whose steps leave out inputs of adapters, as the seed of each batch says; evaluations leave out none.</summary>
internal sealed class LoraTask(TrainingTask task, LoraAdapters adapters) : TrainingTask
{
    public override int Count => task.Count;

    public override string Unit => task.Unit;

    public override TrainingLoss Loss(TrainingBatch batch)
    {
        adapters.Drop(batch.Seed);
        try
        {
            return task.Loss(batch);
        }
        finally
        {
            adapters.Drop(null);
        }
    }

    public override TrainingEvaluation? Evaluate() => task.Evaluate();
}
