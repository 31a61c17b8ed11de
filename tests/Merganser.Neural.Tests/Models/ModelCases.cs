using System.Text.Json.Nodes;
using Merganser.Neural.Models;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>Golden folders by kind, small configurations with random weights, and changed copies of folders.</summary>
internal static class ModelCases
{
    public static TheoryData<string> Folders(params string[] kinds)
    {
        var cases = new TheoryData<string>();
        foreach (string path in Directory.EnumerateDirectories(Golden.Folder("models"), "hf-*").Order(StringComparer.Ordinal))
        {
            string? kind = JsonNode.Parse(File.ReadAllText(Path.Combine(path, "config.json")))!["model_type"]?.GetValue<string>();
            if (kinds.Contains(kind, StringComparer.Ordinal))
                cases.Add(Path.GetFileName(path));
        }

        return cases;
    }

    /// <summary>A model of a configuration with weights of a seed, large enough that differences show.</summary>
    public static T New<T>(string json, long seed = 1)
        where T : PretrainedModel
    {
        JsonObject config = JsonNode.Parse(json)!.AsObject();
        config["initializer_range"] = 0.2;
        return (T)PretrainedModel.CreateNew(new ModelConfig(config, "config.json"), seed);
    }

    public static Tensor Ids(long rows, long tokens, int from, int to, int seed)
    {
        using var generator = new Generator((ulong)seed, CPU);
        return randint(from, to, [rows, tokens], dtype: ScalarType.Int64, generator: generator);
    }

    public static void Close(Tensor expected, Tensor actual, double tolerance = 1e-5) => GoldenCase.Close(expected, actual, tolerance, "output");
}
