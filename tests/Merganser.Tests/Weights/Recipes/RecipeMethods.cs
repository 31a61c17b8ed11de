using Merganser.Weights;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

/// <summary>
/// The methods that the recipe tests name: those of the registry, and for the others stand-ins with the same options, models and
/// role of the base, so that reading and planning can be tested without their arithmetic.
/// </summary>
internal static class RecipeMethods
{
    private static readonly string[] TaskVector = ["weight*", "density", "normalize", "rescale", "lambda", "gamma", "epsilon"];

    public static RecipeOptions Options { get; } = new() { Methods = All() };

    private static MergeMethod[] All()
    {
        StandIn[] standIns =
        [
            new("slerp", BaseRole.Required, 1, 1, "t+"),
            new("nuslerp", BaseRole.Optional, 2, 2, "weight*", "nuslerp_flatten", "nuslerp_row_wise"),
            new("multislerp", BaseRole.Optional, 2, int.MaxValue, "weight*", "normalize_weights", "eps"),
            new("karcher", BaseRole.Ordinary, 2, int.MaxValue, "max_iter", "tol"),
            new("sce", BaseRole.Required, 1, int.MaxValue, "select_topk") { Slices = true },
            new("model_stock", BaseRole.Required, 2, int.MaxValue, "filter_wise"),
            new("nearswap", BaseRole.Required, 1, 1, "t+"),
            new("arcee_fusion", BaseRole.Required, 1, 1),
            new("ram", BaseRole.Required, 1, int.MaxValue, "epsilon"),
            new("ramplus_tl", BaseRole.Required, 1, int.MaxValue, "epsilon", "r", "alpha"),
            new("passthrough", BaseRole.Ordinary, 1, 1, "scale/"),
            .. new[] { "task_arithmetic", "ties", "dare_linear", "dare_ties", "breadcrumbs", "breadcrumbs_ties", "della", "della_linear" }
                .Select(name => new StandIn(name, BaseRole.Required, 1, int.MaxValue, TaskVector) { Slices = true }),
        ];
        return [.. MergeMethods.All, .. standIns.Where(method => MergeMethods.Find(method.Name) is null)];
    }

    /// <summary>An option's last character says what it is: <c>*</c> of each model and required, <c>+</c> required, <c>/</c> of each model.</summary>
    private sealed class StandIn(string name, BaseRole role, int fewest, int most, params string[] options) : MergeMethod
    {
        public bool Slices { get; init; }

        public override string Name => name;

        public override string Summary => "";

        public override string Paper => "";

        public override BaseRole Base => role;

        public override int MinModels => fewest;

        public override int MaxModels => most;

        public override bool SlicesToBase => Slices;

        public override IReadOnlyList<MethodParameter> Parameters { get; } =
        [
            .. options.Select(option => option[^1] switch
            {
                '*' => MethodParameter.ForModel(option[..^1], null, ""),
                '/' => MethodParameter.ForModel(option[..^1], 1, ""),
                '+' => MethodParameter.Global(option[..^1], null, ""),
                _ when option is "density" or "gamma" || (option == "epsilon" && options.Contains("density")) => MethodParameter.ForModel(option, 1, ""),
                _ => MethodParameter.Global(option, 1, ""),
            }),
        ];

        public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) => throw new NotSupportedException();
    }
}
