using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Tests;

namespace Merganser.Neural.Tests.Models;

/// <summary>What was loaded is written as it was: every folder of an architecture that is known.</summary>
public sealed class SavingGoldenTests
{
    public static TheoryData<string> Folders => [.. Directory.EnumerateDirectories(Golden.Folder("models"), "hf-*")
        .Where(path => ModelRegistry.Names.Contains(ConfigOf(path)["architectures"]![0]!.GetValue<string>()))
        .Select(path => Path.GetFileName(path)!)
        .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Folders))]
    public void Loading_and_saving_gives_the_same_tensors_under_the_same_names(string name)
    {
        using var folder = new TempFolder();
        string source = Golden.Folder("models", name), target = folder["saved"];
        var leftOut = new HashSet<string>(StringComparer.Ordinal);
        using (PretrainedModel model = PretrainedModel.Load(source, new ModelOptions { Note = note => leftOut.Add(note.Split(": left out")[0]) }))
            model.Save(target);

        Dictionary<string, (TensorInfo Info, byte[] Bytes)> before = TinyModel.Read(source), after = TinyModel.Read(target);
        Assert.Equal(before.Keys.Except(leftOut).Order(StringComparer.Ordinal), after.Keys.Order(StringComparer.Ordinal));
        foreach ((string tensor, (TensorInfo info, byte[] bytes)) in after)
        {
            Assert.Equal(before[tensor].Info.DType, info.DType);
            Assert.Equal(before[tensor].Info.ShapeText, info.ShapeText);
            Assert.True(before[tensor].Bytes.AsSpan().SequenceEqual(bytes), tensor);
        }

        Assert.True(JsonNode.DeepEquals(ConfigOf(source), ConfigOf(target)), "config.json has changed");
        using PretrainedModel again = PretrainedModel.Load(target);
        Assert.Equal(target, again.Source);
    }

    private static JsonObject ConfigOf(string folder) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();
}
