using System.Numerics.Tensors;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights.Moe;

namespace Merganser.Tests.Weights.Moe;

/// <summary>The hidden states of small random models that the reference library computed, padding left or right.</summary>
public sealed class CausalForwardGoldenTests
{
    private static readonly string[] Types = ["llama", "mistral", "qwen2", "qwen3"];

    public static TheoryData<string> Folders()
    {
        var data = new TheoryData<string>();
        foreach (string folder in Directory.GetDirectories(Golden.Folder("models"), "hf-*").Order(StringComparer.Ordinal))
        {
            if (File.Exists(Path.Combine(folder, "expected.safetensors")) && Types.Contains(Config(Path.Combine(folder, "config.json"))["model_type"]?.GetValue<string>()))
                data.Add(Path.GetFileName(folder));
        }

        return data;
    }

    public static TheoryData<string> Files()
    {
        var data = new TheoryData<string>();
        foreach (string file in Directory.GetFiles(Golden.Folder("cache-decoding"), "*-forward-*.safetensors").Concat(Directory.GetFiles(Golden.Folder("cache-decoding"), "*-forward.safetensors")).Distinct().Order(StringComparer.Ordinal))
            data.Add(Path.GetFileName(file));
        return data;
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void States_of_folders_are_those_of_the_reference(string name)
    {
        string folder = Golden.Folder("models", name);
        using ModelFolder model = ModelFolder.Open(folder);
        using Checkpoint expected = CheckpointReader.Open(Path.Combine(folder, "expected.safetensors"));
        float[] mask = expected.Tensors["input.attention_mask"].ReadSingles();
        Check(model, expected.Tensors["input.input_ids"], mask, state => expected.Tensors.GetValueOrDefault($"output.hidden_states.{state}"));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void States_of_single_files_are_those_of_the_reference(string name)
    {
        using Checkpoint file = CheckpointReader.Open(Golden.Folder("cache-decoding", name));
        JsonObject config = JsonNode.Parse(file.Metadata["config"])!.AsObject();
        TensorSource ids = file.Tensors["__ids"];
        float[] mask = new float[ids.Info.ElementCount];
        Array.Fill(mask, 1);
        Check(new ModelFolder(name, config, file), ids, mask, state => file.Tensors.GetValueOrDefault($"__hidden_{state}"));
    }

    private static JsonObject Config(string path) => JsonNode.Parse(File.ReadAllText(path))!.AsObject();

    private static void Check(ModelFolder model, TensorSource ids, float[] mask, Func<int, TensorSource?> expected)
    {
        int layers = model.GetConfigInt("num_hidden_layers")!.Value, width = model.GetConfigInt("hidden_size")!.Value;
        int rows = (int)ids.Info.Shape[0], length = (int)ids.Info.Shape[1];
        float[] tokens = ids.ReadSingles();
        var places = new List<int>();
        var prompts = new List<CausalPrompt>();
        for (int row = 0; row < rows; row++)
        {
            int[] seen = [.. Enumerable.Range(row * length, length).Where(place => mask[place] != 0)];
            places.AddRange(seen);
            prompts.Add(new CausalPrompt([.. seen.Select(place => (int)tokens[place])], length));
        }

        foreach (int threads in (int[])[1, 2])
        {
            var forward = new CausalForward(CausalShape.Read(model, layers, width), name => model.Weights.Tensors.GetValueOrDefault(name), model.Path, threads);
            int compared = 0;
            forward.Run(prompts, layers + 1, (state, values) =>
            {
                float[] wanted = expected(state)!.ReadSingles();
                float[] found = state == layers ? Normed(values, model, width) : values;
                for (int i = 0; i < found.Length; i++)
                {
                    float value = wanted[(places[i / width] * width) + (i % width)];
                    Assert.True(Math.Abs(value - found[i]) <= 2e-5 * Math.Max(1, Math.Abs(value)), $"state {state}, element {i}: {value} expected, {found[i]} found");
                    compared++;
                }
            });
            Assert.Equal((layers + 1) * places.Count * width, compared);
        }
    }

    private static float[] Normed(float[] states, ModelFolder model, int width)
    {
        float[] weight = model.Weights.Tensors["model.norm.weight"].ReadSingles();
        double epsilon = model.GetConfig("rms_norm_eps")!.GetValue<double>();
        float[] result = new float[states.Length];
        for (int start = 0; start < states.Length; start += width)
        {
            double factor = 1 / Math.Sqrt((TensorPrimitives.SumOfSquares(states.AsSpan(start, width)) / (double)width) + epsilon);
            for (int i = 0; i < width; i++)
                result[start + i] = (float)(states[start + i] * factor * weight[i]);
        }

        return result;
    }
}
