using System.Collections.Immutable;
using System.Globalization;
using Merganser.Weights.Execution;
using Merganser.Weights.Recipes;

namespace Merganser.Weights.Search;

/// <summary>An option of a recipe that is searched.</summary>
/// <param name="Name">The option, such as <c>lambda</c>.</param>
/// <param name="EachModel">True for a value of its own for each model, false for one value.</param>
/// <param name="Range">Where to search.</param>
public sealed record SearchedParameter(string Name, bool EachModel, CoefficientRange Range);

/// <summary>
/// Searches options of a recipe on validation data: merges with candidate values into a temporary folder and asks a callback how good that model is. Keep the data that
/// are reported apart from those that the callback looks at.
/// </summary>
public sealed class RecipeSearch
{
    private readonly MergeRecipe _recipe;
    private readonly IReadOnlyList<SearchedParameter> _parameters;

    /// <summary>Prepares a search.</summary>
    /// <param name="recipe">A recipe of whole models.</param>
    /// <param name="parameters">What is searched, at least one.</param>
    /// <exception cref="MerganserException">The recipe has slices or modules, or its method has no such option or none that can have such values.</exception>
    public RecipeSearch(MergeRecipe recipe, IReadOnlyList<SearchedParameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentOutOfRangeException.ThrowIfZero(parameters.Count, nameof(parameters));
        _recipe = recipe;
        _parameters = parameters;
        if (recipe.Models.IsEmpty)
            throw recipe.Position.Error("options are searched in recipes with 'models', not with slices or modules");
        foreach (SearchedParameter parameter in parameters)
            Check(parameter);
    }

    /// <summary>A range for each number that is searched: for options of each model one for every model but the base, in the order of the recipe.</summary>
    public IReadOnlyList<CoefficientRange> Ranges => [.. _parameters.SelectMany(parameter => Enumerable.Repeat(parameter.Range, parameter.EachModel ? Tuned.Length : 1))];

    private ImmutableArray<RecipeSource> Tuned => [.. _recipe.Models.Where(source => source.Model != _recipe.BaseModel)];

    /// <summary>The recipe with these numbers, which win over what it says itself.</summary>
    /// <exception cref="ArgumentException">There are more or fewer numbers than <see cref="Ranges"/>.</exception>
    public MergeRecipe With(IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.Count != Ranges.Count)
            throw new ArgumentException($"{values.Count} values for {Ranges.Count} ranges", nameof(values));
        MergeRecipe recipe = _recipe;
        int next = 0;
        foreach (SearchedParameter parameter in _parameters)
        {
            bool forModel = Option(parameter.Name)!.PerModel;
            double value = values[next];
            if (!forModel)
            {
                recipe = recipe with { Parameters = recipe.Parameters.Insert(0, Entry(parameter.Name, value)) };
                next++;
                continue;
            }

            int model = next;
            recipe = recipe with
            {
                Models = [.. recipe.Models.Select(source => source.Model == _recipe.BaseModel
                    ? source
                    : source with { Parameters = source.Parameters.Insert(0, Entry(parameter.Name, parameter.EachModel ? values[model++] : value)) })],
            };
            next = parameter.EachModel ? model : next + 1;
        }

        return recipe;
    }

    /// <summary>The numbers as a recipe would have them, for people.</summary>
    public string Describe(IReadOnlyList<double> values)
    {
        MergeRecipe recipe = With(values);
        var lines = new List<string>();
        string[] forModels = [.. _parameters.Where(parameter => Option(parameter.Name)!.PerModel).Select(parameter => parameter.Name).Distinct()];
        if (forModels.Length > 0)
        {
            lines.Add("models:");
            foreach (RecipeSource source in Tuned.Select(tuned => recipe.Models.First(source => source.Model == tuned.Model)))
                lines.Add($"  - {{model: {Tools.YamlText.Quote(source.Model.ToString())}, parameters: {{{string.Join(", ", forModels.Select(name => $"{name}: {Text(source.Parameters, name)}"))}}}}}");
        }

        string[] common = [.. _parameters.Select(parameter => parameter.Name).Except(forModels)];
        if (common.Length > 0)
            lines.Add($"parameters: {{{string.Join(", ", common.Select(name => $"{name}: {Text(recipe.Parameters, name)}"))}}}");
        return string.Join('\n', lines);
    }

    /// <summary>Searches by <see cref="CoefficientSearch.Evolve"/>.</summary>
    /// <param name="evaluate">Gets the folder of a merged model and returns its score, more is better.</param>
    /// <param name="options">Budget, seed and first step; defaults when null.</param>
    /// <param name="planning">How recipes are made into plans; defaults when null.</param>
    /// <param name="running">How plans are run; defaults when null.</param>
    /// <exception cref="MerganserException">A model cannot be merged or evaluated.</exception>
    public EvolutionResult Run(Func<string, double> evaluate, EvolutionOptions? options = null, PlanOptions? planning = null, MergeRunOptions? running = null)
    {
        ArgumentNullException.ThrowIfNull(evaluate);
        string folder = Directory.CreateTempSubdirectory("merganser-search-").FullName;
        try
        {
            return CoefficientSearch.Evolve(Ranges, values =>
            {
                string model = Path.Combine(folder, "model");
                Merge(values, model, planning, (running ?? new MergeRunOptions()) with { Overwrite = true, Progress = new MergeProgress() });
                return evaluate(model);
            }, options);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Merges with these numbers into a folder.</summary>
    /// <exception cref="MerganserException">A model cannot be merged.</exception>
    public MergeReport Merge(IReadOnlyList<double> values, string folder, PlanOptions? planning = null, MergeRunOptions? running = null)
    {
        using MergePlan plan = RecipeMerge.Plan(new RecipeStep(With(values), folder, IsDone: false), planning ?? new PlanOptions());
        return MergeExecutor.Run(plan, folder, running ?? new MergeRunOptions());
    }

    private static string Text(ImmutableArray<RecipeParameter> parameters, string name) =>
        parameters.First(parameter => parameter.Name == name).Entries[0].Values[0].Number.ToString("0.####", CultureInfo.InvariantCulture);

    private MethodParameter? Option(string name) => _recipe.Method.Parameters.FirstOrDefault(option => option.Name == name);

    private void Check(SearchedParameter parameter)
    {
        MethodParameter option = Option(parameter.Name)
            ?? throw _recipe.Position.Error($"{_recipe.Method.Name} has no option {NearestName.Quote(parameter.Name)}{NearestName.Hint(parameter.Name, _recipe.Method.Parameters.Select(known => known.Name))}");
        if (option.Words is not null || option.IsSwitch)
            throw _recipe.Position.Error($"'{parameter.Name}' is no number that could be searched");
        if (parameter.EachModel && !option.PerModel)
            throw _recipe.Position.Error($"'{parameter.Name}' of {_recipe.Method.Name} has one value for all models");
        CoefficientRange range = parameter.Range;
        if (!(range.Low < range.High && range.Start >= range.Low && range.Start <= range.High && range.Low >= option.Minimum && range.High <= option.Maximum))
            throw _recipe.Position.Error(string.Create(CultureInfo.InvariantCulture, $"'{parameter.Name}' cannot be searched from {range.Low} to {range.High}, starting at {range.Start}; {option.Summary}"));
    }

    private RecipeParameter Entry(string name, double value) =>
        new(name, [new RecipeParameterEntry(null, [new RecipeValue(value, null, _recipe.Position)], _recipe.Position)], _recipe.Position);
}
