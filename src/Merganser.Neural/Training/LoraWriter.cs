using System.Text.Json;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Weights.Execution;
using Merganser.Weights.Lora;
using TorchSharp;

namespace Merganser.Neural.Training;

/// <summary>Writes adapters the way PEFT does: tensors under <c>base_model.model.</c> in float32, rank, scale and layers in a configuration.</summary>
internal static class LoraWriter
{
    private const string TensorFile = "adapter_model.safetensors";

    public static void Write(LoraAdapters adapters, string folder, string baseModel, bool overwrite)
    {
        StagingFolder staging = StagingFolder.Create(folder, overwrite);
        try
        {
            WriteFiles(adapters, staging.Path, baseModel);
            staging.Commit();
        }
        catch
        {
            staging.Discard();
            throw;
        }
    }

    /// <summary>The two files into a folder that is there.</summary>
    public static void WriteFiles(LoraAdapters adapters, string folder, string baseModel)
    {
        using DisposeScope scope = TorchSharp.torch.NewDisposeScope();
        (string Name, TorchSharp.torch.Tensor Value)[] stored = [.. adapters.Tensors];
        ShardLayout layout = ShardLayout.Create([.. stored.Select(tensor => new TensorInfo($"base_model.model.{tensor.Name}", DType.F32, [.. tensor.Value.shape]))], 0);
        using (CheckpointWriter writer = CheckpointWriter.Create(folder, layout, resume: false))
        {
            for (int i = 0; i < stored.Length; i++)
                ModelWriter.WriteTensor(writer, i, stored[i].Value, DType.F32);
            writer.Complete(sync: false);
        }

        try
        {
            File.Move(Path.Join(folder, "model.safetensors"), Path.Join(folder, TensorFile), overwrite: true);
            File.WriteAllText(Path.Join(folder, AdapterConfig.FileName), Config(adapters, baseModel).ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{folder}: cannot be written: {e.Message}", e);
        }
    }

    private static JsonObject Config(LoraAdapters adapters, string baseModel) => new()
    {
        ["base_model_name_or_path"] = baseModel,
        ["peft_type"] = "LORA",
        ["task_type"] = adapters.Model switch { CausalLm => "CAUSAL_LM", BertModel { HeadKind: BertHead.Classifier } => "SEQ_CLS", _ => null },
        ["r"] = adapters.Options.Rank,
        ["lora_alpha"] = adapters.Options.Alpha,
        ["lora_dropout"] = adapters.Options.Dropout,
        ["bias"] = "none",
        ["fan_in_fan_out"] = adapters.FanInFanOut,
        ["inference_mode"] = true,
        ["target_modules"] = new JsonArray([.. adapters.Options.Targets.Select(target => (JsonNode)target)]),
        ["modules_to_save"] = adapters.Whole.Count == 0 ? null : new JsonArray([.. adapters.Whole.Select(parameter => parameter.Name.Split('.')[0]).Distinct(StringComparer.Ordinal).Select(name => (JsonNode)name)]),
    };
}
