using System.Collections.Immutable;
using System.Text;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>The files beside the weights: an edited config.json, the tokenizer, the model card, the recipe. Copied: source path to name.</summary>
internal sealed record PlanFiles(JsonObject Config, IReadOnlyDictionary<string, string> Copied, IReadOnlyDictionary<string, string> Written)
{
    public static PlanFiles Make(
        MergeRecipe recipe, PlanOptions options, ModelSet models, Architecture architecture, ImmutableArray<PlannedModule> modules, List<TensorJob> jobs,
        TokenizerAlignment? tokenizer, Action<string> warn)
    {
        OpenModel donor = recipe.BaseModel is { } reference ? models.All.Find(model => model.Reference == reference)! : models.All[0];
        SortedDictionary<string, string> copied = new(StringComparer.Ordinal), written = new(StringComparer.Ordinal);
        foreach (string file in donor.Folder.SideFiles(architecture.ExtraFiles))
        {
            string name = Path.GetFileName(file);
            if (options.CopyTokenizer || !ModelFolder.TokenizerFileNames.Contains(name))
                copied[name] = file;
        }

        if (tokenizer is not null && options.CopyTokenizer)
            tokenizer.WriteFiles(copied, written, warn);
        JsonObject config = [];
        if (donor.Folder.Config.Count > 0)
        {
            byte[] edited = EditConfig(recipe, options, models, donor, architecture, modules, jobs, tokenizer, warn);
            written["config.json"] = Encoding.UTF8.GetString(edited);
            config = JsonNode.Parse(edited)!.AsObject();
        }

        ChatTemplates.Apply(recipe, models, copied, written, warn);
        if (options.WriteModelCard)
        {
            written["README.md"] = ModelCard.Write(recipe, options, models);
            written["mergekit_config.yml"] = recipe.Text.EndsWith('\n') ? recipe.Text : recipe.Text + "\n";
        }

        return new PlanFiles(config, copied.ToDictionary(file => file.Value, file => file.Key, StringComparer.Ordinal), written);
    }

    private static byte[] EditConfig(
        MergeRecipe recipe, PlanOptions options, ModelSet models, OpenModel donor, Architecture architecture, ImmutableArray<PlannedModule> modules, List<TensorJob> jobs,
        TokenizerAlignment? tokenizer, Action<string> warn)
    {
        ConfigEditor editor = donor.Folder.EditConfig();
        if ((recipe.OutDType ?? recipe.DType) is { } type)
            editor.SetDType(type);
        foreach (PlannedModule module in modules)
        {
            if (!module.Module.Layer.IsEmpty && donor.Folder.GetConfigInt(module.Module.LayerCountKey) is { } count && count != module.LayerCount)
                editor.Set(module.Module.LayerCountKey, JsonValue.Create(module.LayerCount));
        }

        if (donor.Folder.GetConfigInt(architecture.VocabularySizeKey) is { } vocabulary && EmbeddingRows(models, architecture, jobs) is { } rows && rows != vocabulary)
            editor.Set(architecture.VocabularySizeKey, JsonValue.Create(rows));

        tokenizer?.RenumberSpecialTokens(donor, editor, donor.Folder.Config);

        WeightDefinition? untied = architecture.Modules.SelectMany(module => module.Post)
            .FirstOrDefault(weight => !weight.TiedNames.IsEmpty && jobs.Exists(job => job.Output.Name == weight.Name));
        if (!options.StrictMergekit && untied is not null && donor.Folder.GetConfigBool("tie_word_embeddings") == true
            && models.All.Exists(model => model.Folder.GetConfigBool("tie_word_embeddings") == false))
        {
            editor.Set("tie_word_embeddings", JsonValue.Create(false));
            warn($"{untied.Name}: one of the models has its own, so the merged model is not tied (tie_word_embeddings: false)");
        }

        return editor.ToArray();
    }

    /// <summary>The rows of the merged input embedding, if the models' own sizes of the vocabulary show that it is one.</summary>
    private static long? EmbeddingRows(ModelSet models, Architecture architecture, List<TensorJob> jobs)
    {
        foreach (WeightDefinition weight in architecture.Modules.SelectMany(module => module.Pre.Concat(module.Post)))
        {
            if (!weight.IsEmbedding || jobs.Find(job => job.Output.Name == weight.Name) is not { Output.Shape.Length: 2 } job)
                continue;
            OpenModel? owner = models.All.Find(model => model.Find(weight, tied: false) is not null);
            if (owner?.Folder.GetConfigInt(architecture.VocabularySizeKey) is { } size && owner.Find(weight, tied: false)!.Info.Shape is [var own, _]
                && (own == job.Output.Shape[0] || own >= size))
                return job.Output.Shape[0];
        }

        return null;
    }
}
