using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>Decoder-only models against the reference library: every hidden state, logits, greedy continuation with and without a cache.</summary>
public sealed class CausalGoldenTests
{
    public static TheoryData<string> Folders
    {
        get
        {
            var cases = new TheoryData<string>();
            foreach (string path in Directory.EnumerateDirectories(Golden.Folder("models"), "hf-*").Order(StringComparer.Ordinal))
            {
                string name = JsonNode.Parse(File.ReadAllText(Path.Combine(path, "config.json")))!["architectures"]![0]!.GetValue<string>();
                if (name.EndsWith("CausalLM", StringComparison.Ordinal) || name.EndsWith("LMHeadModel", StringComparison.Ordinal))
                    cases.Add(Path.GetFileName(path));
            }

            return cases;
        }
    }

    public static TheoryData<string> Files => GoldenCase.Files("cache-decoding", "*-forward*.safetensors");

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_gives_the_reference_outputs(string name)
    {
        using var scope = NewDisposeScope();
        string folder = Golden.Folder("models", name);
        using CausalLm model = PretrainedModel.Load<CausalLm>(folder);
        using var golden = new GoldenCase(Path.Combine(folder, "expected.safetensors"));
        Tensor mask = golden["input.attention_mask"];
        CausalOutput output = model.Forward(golden["input.input_ids"], new CausalInput { Mask = mask, HiddenStates = true });
        Tensor real = mask.unsqueeze(-1);
        for (int i = 0; i < output.HiddenStates.Count; i++)
            GoldenCase.Close(golden[$"output.hidden_states.{i}"], output.HiddenStates[i] * real, 1e-5, $"hidden states {i}");
        Assert.Equal(model.Layers + 1, output.HiddenStates.Count);
        GoldenCase.Close(golden["output.logits"], output.Logits * real, 1e-5, "logits");
        Greedy(model, golden["output.greedy_ids"], 6);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_gives_the_reference_outputs(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("cache-decoding", name));
        var config = new ModelConfig(JsonNode.Parse(golden.Metadata["config"])!.AsObject(), name);
        using var weights = new Checkpoint(name, golden.File.Tensors.Values.Where(tensor => !tensor.Info.Name.StartsWith("__", StringComparison.Ordinal)), []);
        using var model = (CausalLm)PretrainedModel.Load(config, weights, ModelOptions.Default);
        using var cache = new KvCache(model.Layers);
        CausalOutput output = model.Forward(golden["__ids"], new CausalInput { Cache = cache, HiddenStates = true });
        for (int i = 0; i < output.HiddenStates.Count; i++)
            GoldenCase.Close(golden[$"__hidden_{i}"], output.HiddenStates[i], 1e-5, $"hidden states {i}");
        GoldenCase.Close(golden["__logits"], output.Logits, 2e-4, "logits");
        long kept = golden["__k0"].shape[2];
        GoldenCase.Close(golden["__k0"], cache[0].Keys.narrow(2, cache[0].Count - kept, kept), 1e-5, "keys");
        GoldenCase.Close(golden["__v0"], cache[0].Values.narrow(2, cache[0].Count - kept, kept), 1e-5, "values");
        Greedy(model, golden["__greedy"], 12);
    }

    private static void Greedy(CausalLm model, Tensor expected, int added)
    {
        long prompt = expected.shape[1] - added;
        using var cache = new KvCache(model.Layers);
        Tensor next = expected.narrow(1, 0, prompt);
        var ids = new List<long>();
        for (int step = 0; step < added; step++)
        {
            CausalOutput output = model.Forward(next, new CausalInput { Cache = cache, LastLogitsOnly = true });
            next = output.Logits.argmax(-1);
            ids.Add(next.item<long>());
        }

        Assert.Equal(expected.narrow(1, prompt, added).data<long>().ToArray(), ids);
    }
}
