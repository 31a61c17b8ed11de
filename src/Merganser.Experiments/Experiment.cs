namespace Merganser.Experiments;

/// <summary>
/// One system of the literature, tried at a scale that a laptop manages: what its paper claims, what it is compared with, and a run that says whether the claim holds here.
/// A new experiment is one file with a class like this and one line in <see cref="ExperimentCatalogue"/>.
/// </summary>
public abstract class Experiment
{
    /// <summary>The word behind <c>merganser reproduce</c>: lower-case letters, digits and dashes; also the name of the result page.</summary>
    public abstract string Id { get; }

    /// <summary>The system's name for people.</summary>
    public abstract string Title { get; }

    /// <summary>The paper with its arXiv id.</summary>
    public abstract string Paper { get; }

    /// <summary>What must be shown, in one or two sentences.</summary>
    public abstract string Claim { get; }

    /// <summary>What the system is compared with.</summary>
    public abstract string Baselines { get; }

    /// <summary>What a full run costs on two cores.</summary>
    public abstract string Budget { get; }

    /// <summary>Runs it.</summary>
    /// <param name="context">Seeds, size, the folder of models, where progress goes.</param>
    /// <returns>Tables, claims with their verdicts, a plot.</returns>
    /// <exception cref="MerganserException">A model or data set that the experiment needs is missing or broken.</exception>
    public abstract ExperimentResult Run(ExperimentContext context);
}
