using Merganser.Neural.Models;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>The shipped byte models give the logits and continuations that their trainer recorded.</summary>
public sealed class ByteLlamaTests
{
    private static readonly string Folder = Path.Combine(Golden.Repository, "models", "bytellama-140k");

    public static TheoryData<string> Members => [.. Directory.EnumerateDirectories(Folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Members))]
    public void A_member_gives_its_recorded_outputs(string name)
    {
        using var scope = NewDisposeScope();
        using CausalLm model = PretrainedModel.Load<CausalLm>(Path.Combine(Folder, name));
        using var recorded = new GoldenCase(Path.Combine(Folder, "reference.safetensors"));
        Tensor ids = recorded["input_ids"].to(ScalarType.Int64);
        GoldenCase.Close(recorded[$"{name}.logits"], model.Forward(ids).Logits[0], 1e-4, "logits");
        Tensor greedy = recorded[$"{name}.greedy"].to(ScalarType.Int64);
        var generator = new Neural.Decoding.Generator(model);
        int[] prompt = [.. ids[0].data<long>().Select(id => (int)id)];
        int added = (int)greedy.shape[0] - prompt.Length;
        int[] expected = [.. greedy.data<long>().Skip(prompt.Length).Select(id => (int)id)];
        Assert.Equal(expected, generator.Stream(prompt, new Neural.Decoding.GenerationOptions { MaxNewTokens = added }));
    }
}
