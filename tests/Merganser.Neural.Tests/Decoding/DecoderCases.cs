using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Decoding;
using Merganser.Neural.Models;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Decoding;

/// <summary>The Llama-family models among the golden files, and the model's own logits token by token.</summary>
internal static class DecoderCases
{
    private static readonly string[] Families = ["hf-llama", "hf-mistral", "hf-qwen"];

    public static TheoryData<string> Folders => [.. Families.SelectMany(family => Directory.EnumerateDirectories(Golden.Folder("models"), family + "*")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Files => GoldenCase.Files("cache-decoding", "*-forward*.safetensors");

    public static LlamaModel OpenFolder(string name) => PretrainedModel.Load<LlamaModel>(Golden.Folder("models", name));

    public static LlamaModel OpenFile(string name, GoldenCase golden)
    {
        var config = new ModelConfig(JsonNode.Parse(golden.Metadata["config"])!.AsObject(), name);
        using var weights = new Checkpoint(name, golden.File.Tensors.Values.Where(tensor => !tensor.Info.Name.StartsWith("__", StringComparison.Ordinal)), []);
        return (LlamaModel)PretrainedModel.Load(config, weights, ModelOptions.Default);
    }

    public static LlamaModel New(string config, long seed = 1) => (LlamaModel)PretrainedModel.CreateNew(new ModelConfig(JsonNode.Parse(config)!.AsObject(), "config.json"), seed);

    /// <summary>A model with grouped heads, large enough for several blocks of rows and tiles of entries.</summary>
    public static LlamaModel Medium(string more = "") => New($$"""
        { "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 96, "intermediate_size": 200, "num_hidden_layers": 3, "num_attention_heads": 6,
          "num_key_value_heads": 2, "head_dim": 20, "vocab_size": 301, "max_position_embeddings": 512, "initializer_range": 0.15 {{more}} }
        """);

    public static int[] Row(Tensor ids, int row) => [.. ids[row].to(ScalarType.Int64).contiguous().data<long>().ToArray().Select(id => (int)id)];

    public static int[] Ids(int count, int vocabulary, int seed = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabulary))];
    }

    /// <summary>The logits of one forward pass over one row with a cache.</summary>
    public static float[] Forward(LlamaModel model, KvCache cache, params ReadOnlySpan<int> ids)
    {
        using IDisposable quiet = no_grad();
        using var scope = NewDisposeScope();
        long[] wide = new long[ids.Length];
        for (int i = 0; i < wide.Length; i++)
            wide[i] = ids[i];
        return model.Forward(tensor(wide, [1, wide.Length]), new CausalInput { Cache = cache, LastLogitsOnly = true }).Logits.data<float>().ToArray();
    }

    /// <summary>Every step of the decoder against the model with its cache, both token by token: max |a − b| ≤ tolerance·max(1, max |b|).</summary>
    public static void StepsAgree(LlamaModel model, IStepDecoder decoder, int[] ids, double tolerance)
    {
        decoder.Truncate(0);
        using var cache = new KvCache(model.Layers);
        for (int i = 0; i < ids.Length; i++)
            Close(Forward(model, cache, ids[i]), decoder.Step(ids[i]), tolerance, $"token {i}");
        Assert.Equal(ids.Length, decoder.Position);
    }

    public static void Close(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        double largest = 1, difference = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(float.IsFinite(actual[i]), $"{what}: {actual[i]} at {i}");
            largest = Math.Max(largest, Math.Abs(expected[i]));
            difference = Math.Max(difference, Math.Abs((double)expected[i] - actual[i]));
        }

        Assert.True(difference <= tolerance * largest, $"{what}: differs by {difference:g3}, allowed {tolerance * largest:g3}");
    }

    public static int[] Greedy(IStepDecoder decoder, int[] prompt, int count)
    {
        decoder.Truncate(0);
        int[] made = new int[count];
        int next = LlamaDecoder.ArgMax(decoder.Prefill(prompt));
        for (int i = 0; i < count; i++)
        {
            made[i] = next;
            if (i < count - 1)
                next = LlamaDecoder.ArgMax(decoder.Step(next));
        }

        return made;
    }
}
