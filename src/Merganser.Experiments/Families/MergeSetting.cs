using System.Collections.Immutable;
using System.Globalization;
using Merganser.Weights;
using Merganser.Weights.Search;

namespace Merganser.Experiments.Families;

/// <summary>A merge as experiments compare them: a method of <see cref="MergeMethods"/>, its options, and factors from which validation chooses.</summary>
/// <param name="Label">The name for tables.</param>
/// <param name="Method">The method's name in recipes.</param>
/// <param name="Options">Options that differ from the default; those of single models are set for all of them.</param>
public sealed record MergeSetting(string Label, string Method, params ImmutableArray<(string Name, double Value)> Options)
{
    /// <summary>
    /// Factors λ of the merged change, θ0 + λ·(θ* − θ0), of which the one with the best validation score is taken (the first of equal ones). Empty: λ = 1.
    /// For methods whose own factor multiplies the change last this is that factor.
    /// </summary>
    public ImmutableArray<double> Factors { get; init; } = [];

    /// <summary>The mean of the experts.</summary>
    public static MergeSetting Averaging { get; } = new("Averaging", "linear", ("weight", 1));

    /// <summary>The sum of the changes, its factor chosen on validation data.</summary>
    public static MergeSetting TaskArithmetic { get; } = new("Task Arithmetic, λ chosen", "task_arithmetic", ("weight", 1)) { Factors = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1] };

    /// <summary>TIES as its authors' code does it: 20 %, λ = 1.</summary>
    public static MergeSetting Ties { get; } = new("TIES K = 20 %, λ = 1", "ties_model", ("density", 0.2));

    /// <summary>TIES with its factor chosen on validation data.</summary>
    public static MergeSetting TiesTuned { get; } = new("TIES K = 20 %, λ chosen", "ties_model", ("density", 0.2)) { Factors = [0.5, 0.8, 1, 1.2, 1.5, 2] };

    /// <summary>DARE at drop rate 0.9, then Task Arithmetic with its factor chosen.</summary>
    public static MergeSetting DareTuned { get; } = new("DARE p = 0.9 + Task Arithmetic, λ chosen", "dare", ("drop_rate", 0.9)) { Factors = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1] };

    /// <summary>DARE followed by sign election, the "Dare" of the merge-at-scale study.</summary>
    public static MergeSetting DareTies { get; } = new("DARE-TIES p = 0.9, λ chosen", "dare_ties", ("weight", 1), ("density", 0.1), ("rescale", 1)) { Factors = [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1] };

    /// <summary>PCB-Merging with its factor chosen.</summary>
    public static MergeSetting PcbTuned { get; } = new("PCB r = 0.1, λ chosen", "pcb", ("lambda", 1)) { Factors = [0.8, 1, 1.2, 1.5, 2, 3] };

    /// <summary>TSVM without tuning.</summary>
    public static MergeSetting Tsvm { get; } = new("TSVM α = 1", "tsvm");

    /// <summary>SCE without selection.</summary>
    public static MergeSetting Sce { get; } = new("SCE topk 1", "sce");

    /// <summary>VaRM per matrix.</summary>
    public static MergeSetting Varm { get; } = new("VaRM per matrix", "varm");

    /// <summary>Merges some experts of a family.</summary>
    /// <param name="family">The family.</param>
    /// <param name="experts">The indices of the experts; scores for choosing are those of their tasks.</param>
    /// <param name="seed">Seed of random methods.</param>
    public MergeOutcome Apply(ExpertFamily family, IReadOnlyList<int> experts, int seed)
    {
        ArgumentNullException.ThrowIfNull(family);
        ArgumentNullException.ThrowIfNull(experts);
        MergeMethod method = MergeMethods.Find(Method) ?? throw new MerganserException($"there is no merge method '{Method}'");
        var parameters = new ParameterSet();
        foreach ((string name, double value) in Options)
        {
            MethodParameter option = method.Parameters.FirstOrDefault(option => option.Name == name) ?? throw new MerganserException($"{Method} has no option '{name}'");
            for (int model = option.PerModel ? 0 : -1; model < (option.PerModel ? experts.Count : 0); model++)
                parameters.Set(name, value, model);
        }

        ArrayModel? kept = method.Base == BaseRole.Required ? family.Base : null;
        ArrayModel merged = ArrayMerge.Run(method, kept, [.. experts.Select(expert => family.Experts[expert])], parameters, new ArrayMergeOptions { Seed = (ulong)seed });
        if (Factors.IsEmpty)
            return new MergeOutcome(merged, 1);
        ScoredCoefficient best = CoefficientSearch.Grid(Factors, factor => family.Normalised(Scale(family.Base, merged, factor), experts, ImagePart.Validation));
        return new MergeOutcome(Scale(family.Base, merged, best.Coefficient), best.Coefficient);
    }

    /// <summary><c>θ0 + λ·(θ − θ0)</c>.</summary>
    public static ArrayModel Scale(ArrayModel baseModel, ArrayModel model, double factor)
    {
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(model);
        var scaled = new ArrayModel();
        foreach ((string name, (ImmutableArray<long> shape, float[] values)) in model)
        {
            float[] start = baseModel[name].Values, result = new float[values.Length];
            for (int i = 0; i < result.Length; i++)
                result[i] = start[i] + ((float)factor * (values[i] - start[i]));
            scaled.With(name, shape, result);
        }

        return scaled;
    }
}

/// <summary>A merged model and the factor that validation chose for it.</summary>
/// <param name="Model">The model.</param>
/// <param name="Factor">λ; 1 when nothing was chosen.</param>
public sealed record MergeOutcome(ArrayModel Model, double Factor)
{
    /// <summary>The factor as text.</summary>
    public string FactorText => Factor.ToString("0.##", CultureInfo.InvariantCulture);
}
