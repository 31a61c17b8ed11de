using System.Globalization;
using System.Text;
using Merganser.Weights;

namespace Merganser.Bench;

/// <summary>The recipe that a method is measured with: two models, the base where the method takes one, bfloat16.</summary>
internal sealed record MergeRecipe(string Method, string Yaml, IReadOnlyList<string> InputFiles)
{
    /// <summary>The options that get a value when the method has them; all others keep their defaults.</summary>
    private static readonly Dictionary<string, double> Values = new(StringComparer.Ordinal)
    {
        ["weight"] = 0.5,
        ["density"] = 0.5,
        ["epsilon"] = 0.1,
        ["t"] = 0.5,
        ["select_topk"] = 0.5,
        ["gamma"] = 0.01,
    };

    /// <summary>Makes the recipe of a method for the models under a folder.</summary>
    public static MergeRecipe For(string name, string folder)
    {
        MergeMethod method = MergeMethods.Find(name) ?? throw new MerganserException($"there is no merge method '{name}'");
        string Model(string model) => Path.Combine(folder, model);
        string FileOf(string model) => Path.Combine(folder, model, "model.safetensors");

        // slerp and its like take the first model as the base: two inputs only.
        bool keepsBase = method.Base == BaseRole.Required;
        bool baseIsModel = method.Base == BaseRole.Ordinary && (method.MaxModels == 2 || method.Parameters.Any(parameter => parameter.Name == "t"));
        string[] models = keepsBase && method.MaxModels == 1 ? ["a"] : ["a", "b"];
        var yaml = new StringBuilder($"merge_method: {name}\n");
        if (keepsBase)
            yaml.Append(CultureInfo.InvariantCulture, $"base_model: {Model("base")}\n");
        else if (baseIsModel)
            yaml.Append(CultureInfo.InvariantCulture, $"base_model: {Model("a")}\n");
        yaml.Append("models:\n");
        foreach (string model in models)
        {
            yaml.Append(CultureInfo.InvariantCulture, $"  - model: {Model(model)}\n");
            Append(yaml, "    ", method.Parameters.Where(parameter => parameter.PerModel));
        }

        Append(yaml, "", method.Parameters.Where(parameter => !parameter.PerModel));
        yaml.Append("dtype: bfloat16\n");
        return new MergeRecipe(name, yaml.ToString(), keepsBase ? [FileOf("base"), .. models.Select(FileOf)] : [.. models.Select(FileOf)]);
    }

    private static void Append(StringBuilder yaml, string indent, IEnumerable<MethodParameter> parameters)
    {
        MethodParameter[] given = [.. parameters.Where(parameter => Values.ContainsKey(parameter.Name) && parameter.Words is null && !parameter.IsSwitch)];
        if (given.Length == 0)
            return;
        yaml.Append(CultureInfo.InvariantCulture, $"{indent}parameters:\n");
        foreach (MethodParameter parameter in given)
            yaml.Append(CultureInfo.InvariantCulture, $"{indent}  {parameter.Name}: {Values[parameter.Name]}\n");
    }
}
