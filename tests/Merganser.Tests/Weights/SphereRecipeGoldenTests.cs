using System.Globalization;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Methods;
using YamlDotNet.RepresentationModel;

namespace Merganser.Tests.Weights;

/// <summary>Recipes with plain numbers over whole models, run through the methods alone.</summary>
public sealed class SphereRecipeGoldenTests
{
    public static TheoryData<string> Recipes
    {
        get
        {
            var cases = new TheoryData<string>();
            foreach (string folder in Directory.GetDirectories(Golden.Folder("weights", "recipes")).Order(StringComparer.Ordinal))
            {
                if (File.Exists(Path.Combine(folder, "recipe.yml")) && TryRead(folder) is not null)
                    cases.Add(Path.GetFileName(folder));
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Plain_recipes_agree(string name)
    {
        string folder = Golden.Folder("weights", "recipes", name);
        Recipe recipe = TryRead(folder)!;
        ArrayModel[] models = [.. recipe.Models.Select(Load)];
        var options = new ArrayMergeOptions { Rounding = Rounding.Of(recipe.Type), StrictMergekit = true };
        ArrayModel merged = ArrayMerge.Run(recipe.Method, recipe.Base is null ? null : Load(recipe.Base), models, recipe.Parameters, options);
        ArrayModel expected = Load(Path.Combine(folder, "expected"));
        Assert.Equal(expected.Keys, merged.Keys);
        bool loose = recipe.Method is Karcher or MultiSlerp or NuSlerp;
        long different = 0, total = 0;
        foreach ((string tensor, (_, float[] values)) in expected)
        {
            float[] actual = merged[tensor].Values;
            for (int i = 0; i < values.Length; i++)
            {
                total++;
                if (recipe.Type != DType.F32)
                {
                    different += values[i] == actual[i] ? 0 : 1;
                    continue;
                }

                double tolerance = loose ? 1e-5 : 1e-6 + (1e-5 * Math.Abs(values[i]));
                Assert.True(Math.Abs((double)values[i] - actual[i]) <= tolerance, $"{tensor}[{i}]: expected {values[i]:R}, got {actual[i]:R}");
            }
        }

        // In narrow arithmetic single bits of a softmax decide over a row of arcee_fusion.
        Assert.True(different <= (recipe.Method is ArceeFusion ? 0.001 * total : 0), $"{different} of {total} elements differ");
    }

    private static ArrayModel Load(string path)
    {
        using Checkpoint checkpoint = CheckpointReader.Open(Path.IsPathRooted(path) ? path : Golden.Folder("weights", path));
        var model = new ArrayModel();
        foreach ((string name, TensorSource source) in checkpoint.Tensors)
            model.With(name, source.Info.Shape, RawGolden.Values(source));
        return model;
    }

    private static Recipe? TryRead(string folder)
    {
        var yaml = new YamlStream();
        using (StreamReader reader = File.OpenText(Path.Combine(folder, "recipe.yml")))
            yaml.Load(reader);
        var root = (YamlMappingNode)yaml.Documents[0].RootNode;
        string[] known = ["merge_method", "base_model", "models", "parameters", "dtype"];
        if (yaml.Documents.Count != 1 || root.Children.Keys.Any(key => !known.Contains(key.ToString())))
            return null;
        MergeMethod? method = MergeMethods.Find(root["merge_method"].ToString());
        if (method is not (Slerp or NuSlerp or MultiSlerp or Karcher or ModelStock or NearSwap or ArceeFusion or Passthrough))
            return null;
        var parameters = new ParameterSet();
        if (!DTypes.TryParseTorch(root["dtype"].ToString(), out DType type) || !TryTake(root, parameters, -1))
            return null;
        string? baseModel = root.Children.TryGetValue("base_model", out YamlNode? node) ? node.ToString() : null;
        var models = new List<string>();
        foreach (YamlNode model in (YamlSequenceNode)root["models"])
        {
            string path = model["model"].ToString();
            if (path == baseModel && method.Base != BaseRole.Ordinary)
                continue;
            if (path.Contains('+') || !TryTake((YamlMappingNode)model, parameters, models.Count))
                return null;
            models.Add(path);
        }

        string[] shapes = [.. Shapes(models[0])];
        return models.Append(baseModel ?? models[0]).All(model => shapes.SequenceEqual(Shapes(model))) ? new Recipe(method, baseModel, models, parameters, type) : null;
    }

    private static IEnumerable<string> Shapes(string model)
    {
        using Checkpoint checkpoint = CheckpointReader.Open(Golden.Folder("weights", model));
        return [.. checkpoint.Tensors.Select(tensor => $"{tensor.Key} {tensor.Value.Info.ShapeText}").Order(StringComparer.Ordinal)];
    }

    private static bool TryTake(YamlMappingNode node, ParameterSet parameters, int model)
    {
        if (!node.Children.TryGetValue("parameters", out YamlNode? block))
            return true;
        foreach ((YamlNode key, YamlNode value) in (YamlMappingNode)block)
        {
            if (value is not YamlScalarNode scalar)
                return false;
            double number = scalar.Value is "true" or "false" ? scalar.Value == "true" ? 1 : 0 : double.Parse(scalar.Value!, CultureInfo.InvariantCulture);
            parameters.Set(key.ToString(), number, model);
        }

        return true;
    }

    private sealed record Recipe(MergeMethod Method, string? Base, List<string> Models, ParameterSet Parameters, DType Type);
}
