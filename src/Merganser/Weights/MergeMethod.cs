namespace Merganser.Weights;

/// <summary>What a method does with the base model.</summary>
public enum BaseRole
{
    /// <summary>The base is an input like the others.</summary>
    Ordinary,

    /// <summary>The base, if the recipe names one, is kept apart.</summary>
    Optional,

    /// <summary>The recipe must name a base; it is kept apart.</summary>
    Required,
}

/// <summary>
/// A way to merge the tensors of one name. A method is described by its properties and makes a
/// <see cref="TensorMerger"/> for every tensor; it owns no files, threads or types: the executor streams tiles of
/// float32 through the merger and stores what it writes.
/// </summary>
public abstract class MergeMethod
{
    /// <summary>The name in recipes, such as <c>dare_ties</c>.</summary>
    public abstract string Name { get; }

    /// <summary>One line that says when to pick it.</summary>
    public abstract string Summary { get; }

    /// <summary>Title and arXiv id of the paper, or where the method comes from.</summary>
    public abstract string Paper { get; }

    /// <summary>All options.</summary>
    public virtual IReadOnlyList<MethodParameter> Parameters => [];

    /// <summary>What the base is to this method.</summary>
    public virtual BaseRole Base => BaseRole.Ordinary;

    /// <summary>The fewest models, the base not counted when it is kept apart.</summary>
    public virtual int MinModels => 1;

    /// <summary>The most models, the base not counted when it is kept apart.</summary>
    public virtual int MaxModels => int.MaxValue;

    /// <summary>True when results depend on the seed.</summary>
    public virtual bool IsRandom => false;

    /// <summary>
    /// True for the methods that slice a model's embedding to the base's rows (task-vector methods); the others use the common top-left part of all.
    /// </summary>
    public virtual bool SlicesToBase => false;

    /// <summary>Makes the worker for one tensor.</summary>
    /// <param name="tensor">Shape, inputs and options of the tensor.</param>
    /// <param name="statistics">What <see cref="BeginModel"/> gathered over all tensors; null when it gathers nothing.</param>
    public abstract TensorMerger Create(TensorContext tensor, ModelStatistics? statistics);

    /// <summary>Statistics over the whole model that must be known before the first tensor is merged; null when none are needed.</summary>
    public virtual ModelStatistics? BeginModel(IReadOnlyList<TensorContext> tensors) => null;
}
