using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Tests.Checkpoints;

/// <summary>Every model folder among the goldens must fit the architecture found for it, tensor by tensor.</summary>
public sealed class ArchitectureGoldenTests
{
    public static TheoryData<string> Folders()
    {
        var data = new TheoryData<string>();
        foreach (string root in new[] { Golden.Folder("models"), Golden.Folder("weights", "models") })
        {
            foreach (string config in Directory.EnumerateFiles(root, "config.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                data.Add(Path.GetRelativePath(Golden.Root, Path.GetDirectoryName(config)!));
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Every_tensor_finds_exactly_one_place(string folder)
    {
        using ModelFolder model = ModelFolder.Open(Golden.Folder(folder));
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        Assert.Contains(model.ArchitectureName!, ArchitectureCatalog.KnownNames);
        Assert.Empty(architecture.Unplaced(model));

        List<string> found = [];
        foreach (ArchitectureModule module in architecture.Modules)
        {
            // The configuration alone must give the number of layers: its key is right for this family.
            if (!module.Layer.IsEmpty)
                Assert.Equal(module.LayerCount(model), model.GetConfigInt(module.LayerCountKey));
            IEnumerable<WeightDefinition> layers = Enumerable.Range(0, module.LayerCount(model)).SelectMany(layer => module.Layer.Select(weight => weight.InLayer(layer)));
            foreach (WeightDefinition weight in module.Pre.Concat(layers).Concat(module.Post))
            {
                TensorSource? own = weight.Find(model, includeTied: false);
                Assert.True(own is not null || weight.Optional, $"{weight.Name} is missing");
                if (own is not null)
                    found.Add(own.Info.Name);
            }
        }

        Assert.Equal(model.Weights.Tensors.Keys.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Tensors_with_a_row_for_each_token_are_flagged(string folder)
    {
        using ModelFolder model = ModelFolder.Open(Golden.Folder(folder));
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        int? vocabulary = model.GetConfigInt(architecture.VocabularySizeKey);
        WeightDefinition[] flagged = [.. architecture.Modules.SelectMany(module => module.Pre.Concat(module.Post)).Where(weight => weight.IsEmbedding)];
        Assert.All(flagged, weight => Assert.Equal(vocabulary, (int)weight.Find(model)!.Info.Shape[0]));

        // A model of tokens has them, a model of pictures alone has none.
        Assert.Equal(vocabulary is not null, flagged.Length > 0);
    }

    [Fact]
    public void Three_berts_with_different_spellings_merge_under_the_names_of_the_definition()
    {
        using ModelFolder @base = ModelFolder.Open(Golden.Folder("weights", "models", "bert-base"));
        using ModelFolder legacy = ModelFolder.Open(Golden.Folder("weights", "models", "bert-b-legacy-names"));
        Architecture architecture = ArchitectureCatalog.Resolve([legacy, @base]);
        Assert.Empty(architecture.Unplaced(legacy));
        Assert.Empty(architecture.Unplaced(@base));
        WeightDefinition positions = architecture.Modules[0].Pre.Single(weight => weight.Name == "embeddings.position_ids");
        Assert.True(positions.Optional);
        Assert.Null(positions.Find(@base));
        Assert.Equal(DType.I64, positions.Find(legacy)!.Info.DType);
        WeightDefinition norm = architecture.Modules[0].Layer.Single(weight => weight.Name.EndsWith("attention.output.LayerNorm.weight", StringComparison.Ordinal)).InLayer(1);
        Assert.Equal("encoder.layer.1.attention.output.LayerNorm.weight", norm.Find(@base)!.Info.Name);
        Assert.Equal("bert.encoder.layer.1.attention.output.LayerNorm.gamma", norm.Find(legacy)!.Info.Name);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Editing_the_layer_count_and_the_vocabulary_changes_nothing_else(string folder)
    {
        using ModelFolder model = ModelFolder.Open(Golden.Folder(folder));
        Architecture architecture = ArchitectureCatalog.Resolve([model]);
        ConfigEditor editor = model.EditConfig();
        foreach (ArchitectureModule module in architecture.Modules)
            editor.Set(module.LayerCountKey, 77);
        JsonNode edited = JsonNode.Parse(editor.ToArray())!;
        foreach (ArchitectureModule module in architecture.Modules)
            model.SetConfig(module.LayerCountKey, 77);
        Assert.True(JsonNode.DeepEquals(model.Config, edited));
    }
}
