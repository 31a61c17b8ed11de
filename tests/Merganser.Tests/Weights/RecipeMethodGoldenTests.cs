using System.Globalization;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Methods;
using YamlDotNet.RepresentationModel;

namespace Merganser.Tests.Weights;

/// <summary>
/// Recipes whose parameters are plain numbers, run through the methods alone, without planner and files: a failure here is
/// one of arithmetic.
/// </summary>
public sealed class RecipeMethodGoldenTests
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
        using Checkpoint masks = OpenMasks(folder);
        byte[]? Mask(string tensor, int model)
        {
            if (!masks.Tensors.TryGetValue($"{tensor}::{recipe.Models[model]}", out TensorSource? source))
                return null;
            byte[] mask = new byte[source.Info.ByteCount];
            source.Read(0, mask);
            return mask;
        }

        var options = new ArrayMergeOptions
        {
            Rounding = Rounding.Of(recipe.Type),
            StrictMergekit = true,
            InjectedMask = masks.Tensors.Count > 0 ? Mask : null,
        };
        ArrayModel merged = ArrayMerge.Run(recipe.Method, Load(recipe.Base), [.. recipe.Models.Select(Load)], recipe.Parameters, options);
        ArrayModel expected = Load(Path.Combine(folder, "expected"));
        Assert.Equal(expected.Keys, merged.Keys);
        foreach ((string tensor, (_, float[] values)) in expected)
        {
            float[] actual = merged[tensor].Values;
            for (int i = 0; i < values.Length; i++)
            {
                // Narrow arithmetic is emulated operation by operation and must give the same bits.
                double tolerance = recipe.Type == DType.F32 ? 1e-6 + (1e-5 * Math.Abs(values[i])) : 0;
                Assert.True(Math.Abs((double)values[i] - actual[i]) <= tolerance, $"{tensor}[{i}]: expected {values[i]:R}, got {actual[i]:R}");
            }
        }
    }

    [Fact]
    public void Where_no_outlier_is_dropped_breadcrumbs_differs_from_mergekit_in_small_vectors_only()
    {
        string folder = Golden.Folder("weights", "recipes", "breadcrumbs_ties");
        Recipe recipe = TryRead(folder)!;
        ArrayModel merged = ArrayMerge.Run(recipe.Method, Load(recipe.Base), [.. recipe.Models.Select(Load)], recipe.Parameters);
        ArrayModel expected = Load(Path.Combine(folder, "expected"));
        string[] different = [.. expected.Where(tensor => tensor.Value.Values.Zip(merged[tensor.Key].Values).Any(pair => Math.Abs(pair.First - pair.Second) > 1e-5f)).Select(tensor => tensor.Key)];
        Assert.Equal(expected.Where(tensor => tensor.Value.Values.Length < 100).Select(tensor => tensor.Key), different);
    }

    private static Checkpoint OpenMasks(string folder)
    {
        string path = Path.Combine(folder, "masks.safetensors");
        return File.Exists(path) ? CheckpointReader.Open(path) : new Checkpoint(path, [], []);
    }

    private static ArrayModel Load(string path)
    {
        using Checkpoint checkpoint = CheckpointReader.Open(Path.IsPathRooted(path) ? path : Golden.Folder("weights", path));
        var model = new ArrayModel();
        foreach ((string name, TensorSource source) in checkpoint.Tensors)
            model.With(name, source.Info.Shape, RawGolden.Values(source));
        return model;
    }

    /// <summary>Reads a recipe; null unless it is of a task-vector method, over plain models, with plain numbers.</summary>
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
        if (method is not (TaskVectorMethod or Sce or Ram or RamPlus) || !DTypes.TryParseTorch(root["dtype"].ToString(), out DType type))
            return null;

        var parameters = new ParameterSet();
        if (!TryTake(root, parameters, -1))
            return null;
        var models = new List<string>();
        foreach (YamlNode model in (YamlSequenceNode)root["models"])
        {
            if (!TryTake((YamlMappingNode)model, parameters, models.Count))
                return null;
            models.Add(model["model"].ToString());
        }

        string baseModel = root["base_model"].ToString();
        if (models.Append(baseModel).Any(model => model.Contains('+')))
            return null;
        string[] names = [.. Names(baseModel)];
        return models.All(model => names.SequenceEqual(Names(model))) ? new Recipe(method, baseModel, models, parameters, type) : null;
    }

    private static IEnumerable<string> Names(string model)
    {
        using Checkpoint checkpoint = CheckpointReader.Open(Golden.Folder("weights", model));
        return [.. checkpoint.Tensors.Select(tensor => $"{tensor.Key} {tensor.Value.Info.DType} {tensor.Value.Info.ShapeText}").Order(StringComparer.Ordinal)];
    }

    private static bool TryTake(YamlMappingNode node, ParameterSet parameters, int model)
    {
        if (!node.Children.TryGetValue("parameters", out YamlNode? block))
            return true;
        foreach ((YamlNode key, YamlNode value) in (YamlMappingNode)block)
        {
            if (value is not YamlScalarNode scalar)
                return false;
            double number = scalar.Value is "true" or "false"
                ? scalar.Value == "true" ? 1 : 0
                : double.Parse(scalar.Value!, CultureInfo.InvariantCulture);
            parameters.Set(key.ToString(), number, model);
        }

        return true;
    }

    private sealed record Recipe(MergeMethod Method, string Base, List<string> Models, ParameterSet Parameters, DType Type);
}
