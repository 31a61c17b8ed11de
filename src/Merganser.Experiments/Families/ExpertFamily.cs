using Merganser.Weights;

namespace Merganser.Experiments.Families;

/// <summary>A base with experts fine-tuned from it, one per task, and a way to score any model of the family on any task.</summary>
public abstract class ExpertFamily
{
    private readonly Dictionary<(int Task, ImagePart Part), double> _own = [];

    /// <summary>The name for tables.</summary>
    public abstract string Name { get; }

    /// <summary>What the experts were fine-tuned from.</summary>
    public abstract ArrayModel Base { get; }

    /// <summary>The experts, in the order of the tasks.</summary>
    public abstract IReadOnlyList<ArrayModel> Experts { get; }

    /// <summary>The names of the tasks that have an expert.</summary>
    public abstract IReadOnlyList<string> Tasks { get; }

    /// <summary>How good a model is on a task, 0…1 and more is better.</summary>
    /// <param name="model">A model with the tensors of the base.</param>
    /// <param name="task">The index of the task.</param>
    /// <param name="part">What is used for choosing, or what is reported.</param>
    public abstract double Score(ArrayModel model, int task, ImagePart part = ImagePart.Test);

    /// <summary>The score of a task's own expert; computed once.</summary>
    public double OwnScore(int task, ImagePart part = ImagePart.Test)
    {
        if (!_own.TryGetValue((task, part), out double score))
            _own[(task, part)] = score = Score(Experts[task], task, part);
        return score;
    }

    /// <summary>Normalised accuracy: the mean over some tasks of score(model)/score(the task's own expert).</summary>
    public double Normalised(ArrayModel model, IReadOnlyList<int> tasks, ImagePart part = ImagePart.Test)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        return tasks.Average(task => Score(model, task, part) / OwnScore(task, part));
    }
}
