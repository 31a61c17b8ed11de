using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Recipes;

namespace Merganser.Tests.Weights.Recipes;

/// <summary>Writes tiny Llama folders into a temporary folder and plans recipes there.</summary>
internal sealed class SmallModels : IDisposable
{
    public const int Layers = 3;

    public string Folder { get; } = Directory.CreateTempSubdirectory("merganser-recipes-").FullName;

    public PlanOptions Options => new() { WorkingFolder = Folder };

    /// <summary>Writes a model whose weights are all <paramref name="value"/>, after <paramref name="change"/> has changed the tensors.</summary>
    public void Add(string name, float value = 1, DType type = DType.F32, Action<Dictionary<string, (TensorInfo Info, byte[] Bytes)>>? change = null, Action<JsonObject>? config = null)
    {
        Dictionary<string, (TensorInfo Info, byte[] Bytes)> tensors = new(StringComparer.Ordinal);
        Put(tensors, "model.embed_tokens.weight", type, value, 6, 4);
        for (int layer = 0; layer < Layers; layer++)
        {
            Put(tensors, $"model.layers.{layer}.mlp.up_proj.weight", type, value + layer, 5, 4);
            Put(tensors, $"model.layers.{layer}.input_layernorm.weight", type, value + layer, 4);
        }

        Put(tensors, "model.norm.weight", type, value, 4);
        Put(tensors, "lm_head.weight", type, value, 6, 4);
        change?.Invoke(tensors);
        JsonObject json = new()
        {
            ["architectures"] = new JsonArray("LlamaForCausalLM"),
            ["model_type"] = "llama",
            ["num_hidden_layers"] = Layers,
            ["vocab_size"] = 6,
            ["torch_dtype"] = type.TorchName(),
            ["tie_word_embeddings"] = false,
        };
        config?.Invoke(json);
        Directory.CreateDirectory(Path.Combine(Folder, name));
        Write(name, "config.json", json.ToJsonString());
        SafetensorsFile.Write(Path.Combine(Folder, name, "model.safetensors"), tensors.Values);
    }

    public static void Put(Dictionary<string, (TensorInfo Info, byte[] Bytes)> tensors, string name, DType type, float value, params long[] shape)
    {
        TensorInfo info = new(name, type, [.. shape]);
        float[] values = new float[info.ElementCount];
        Array.Fill(values, value);
        tensors[name] = (info, TensorSources.ToBytes(values, type));
    }

    public static void PutIntegers(Dictionary<string, (TensorInfo Info, byte[] Bytes)> tensors, string name, params long[] values)
    {
        byte[] bytes = new byte[values.Length * sizeof(long)];
        Buffer.BlockCopy(values, 0, bytes, 0, bytes.Length);
        tensors[name] = (new TensorInfo(name, DType.I64, [values.Length]), bytes);
    }

    public void Write(string model, string file, string text) => File.WriteAllText(Path.Combine(Folder, model, file), text);

    public MergeRecipe Read(string recipe) => RecipeReader.Read(recipe, Path.Combine(Folder, "recipe.yml"), RecipeMethods.Options);

    public MergePlan Plan(string recipe, PlanOptions? options = null) => MergePlanner.Plan(Read(recipe), options ?? Options);

    /// <summary>The message with which planning fails, the folder's path left out.</summary>
    public string Fails(string recipe, PlanOptions? options = null) =>
        Assert.Throws<MerganserException>(() => Plan(recipe, options).Dispose()).Message.Replace(Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal);

    public static TensorJob Job(MergePlan plan, string name) => plan.Jobs.Single(job => job.Output.Name == name);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
