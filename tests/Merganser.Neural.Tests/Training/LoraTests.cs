using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Cli.Neural;
using Merganser.Neural.Models;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Training;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Training;

/// <summary>Adapters: they change nothing at first, learn alone, and become a model by <c>merge</c>.</summary>
[Collection(ThreadCount.Name)]
public sealed class LoraTests
{
    private static readonly ModelOptions Trainable = ModelOptions.Default with { Trainable = true };
    private static readonly string ByteLlama = Path.Combine(Golden.Repository, "models", "bytellama-140k", "base");

    public static TheoryData<string, string[]> Families => new() { { "llama", ["q_proj", "down_proj"] }, { "gpt2", ["c_attn", "c_fc"] }, { "gpt_neox", [LoraOptions.AllLinear] } };

    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = Merganser.Cli.Program.Run(args, output, error, NeuralVerbs.All);
        return (code, output.ToString(), error.ToString());
    }

    private static double Distance(Tensor a, Tensor b) => (a.detach() - b.detach()).abs().max().ToDouble();

    [Theory]
    [MemberData(nameof(Families))]
    public void A_stored_adapter_merged_into_its_base_gives_the_trained_scores(string family, string[] targets)
    {
        using var folder = new TempFolder();
        using CausalLm model = TinyModel.New(family, Trainable);
        model.Save(folder["base"]);
        using LoraAdapters adapters = LoraAdapters.Attach(model, new LoraOptions { Rank = 3, Alpha = 5, Targets = targets }, 5);
        using Tensor ids = TinyModel.Ids(2, 6);
        using DisposeScope scope = NewDisposeScope();
        Tensor before = model.Forward(ids).Logits.detach();
        using var untouched = PretrainedModel.Load<CausalLm>(folder["base"]);
        Assert.Equal(0, Distance(before, untouched.Forward(ids).Logits));
        using (var trainer = new Trainer(new CountingTask(model), adapters.Trained(), new TrainerOptions { Steps = 20, Schedule = new LearningRateSchedule { Peak = 0.02 } }))
        {
            TrainingLog log = trainer.Run().Log;
            Assert.True(log.Rows[^1].Loss < log.Rows[0].Loss);
        }

        adapters.Save(folder["adapter"], folder["base"]);
        File.WriteAllText(folder["merge.yml"], $"models:\n  - model: {folder["base"]}+{folder["adapter"]}\nmerge_method: passthrough\ndtype: float32\n");
        (int code, _, string error) = Run("merge", folder["merge.yml"], folder["merged"]);
        Assert.True(code == 0, error);
        Tensor trained = model.Forward(ids).Logits.detach();
        using var merged = PretrainedModel.Load<CausalLm>(folder["merged"]);
        Assert.True(Distance(trained, before) > 0.05);
        Assert.InRange(Distance(trained, merged.Forward(ids).Logits), 0, 1e-5);
        adapters.Merge();
        Assert.InRange(Distance(trained, model.Forward(ids).Logits), 0, 1e-5);
    }

    [Fact]
    public void The_base_is_left_as_it_is_and_nothing_is_leaked()
    {
        using CausalLm model = TinyModel.New("llama", Trainable);
        byte[] Weight()
        {
            using Tensor value = model.Parameters["model.layers.0.self_attn.q_proj.weight"].Value.detach();
            return value.bytes.ToArray();
        }

        byte[] before = Weight();
        long live = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        using (LoraAdapters adapters = LoraAdapters.Attach(model, new LoraOptions { Dropout = 0.5 }, 5))
        using (var trainer = new Trainer(new LoraTask(new CountingTask(model), adapters), adapters.Trained(), new TrainerOptions { Steps = 5 }))
            trainer.Run();
        Assert.Equal(before, Weight());
        Assert.Equal(live, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Dropped_inputs_depend_on_the_batch_alone_and_stop_with_it()
    {
        using CausalLm model = TinyModel.New("llama", Trainable);
        using LoraAdapters adapters = LoraAdapters.Attach(model, new LoraOptions { Dropout = 0.5 }, 5);
        using DisposeScope scope = NewDisposeScope();
        foreach ((_, Tensor value) in adapters.Tensors)
            value.detach().fill_(0.1);
        var task = new LoraTask(new CountingTask(model), adapters);
        double Loss(ulong seed) => task.Loss(new TrainingBatch([1, 2], 0, 0, seed)).Value.ToDouble();
        double Plain() => task.Evaluate()!.Loss;
        double first = Plain();
        Assert.Equal(Loss(1), Loss(1));
        Assert.NotEqual(Loss(1), Loss(2));
        Assert.Equal(first, Plain());
    }

    [Fact]
    public void A_recipe_trains_an_adapter_of_a_folder()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["words.txt"], string.Concat(Enumerable.Repeat("the cat sat on the mat. ", 40)));
        File.WriteAllText(folder["recipe.yml"], $"model: {ByteLlama}\ntrain: words.txt\ncontext: 24\nsteps: 8\nbatch_size: 4\nlearning_rate: 1e-2\nlora:\n  rank: 4\n  alpha: 8\n  targets: [q_proj, up_proj]\n  dropout: 0.1\n");
        (int code, string output, string error) = Run("train", folder["recipe.yml"], folder["adapter"], "--threads", "1");
        Assert.True(code == 0, error);
        Assert.Contains("LoRA of rank 4 on q_proj, up_proj", output, StringComparison.Ordinal);
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors", "training.csv", "training.svg"], Directory.GetFiles(folder["adapter"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder["adapter"], "adapter_config.json")))!;
        Assert.Equal(("LORA", 4, 8.0, ByteLlama), ((string)config["peft_type"]!, (int)config["r"]!, (double)config["lora_alpha"]!, (string)config["base_model_name_or_path"]!));
        File.WriteAllText(folder["merge.yml"], $"models:\n  - model: {ByteLlama}+{folder["adapter"]}\nmerge_method: passthrough\ndtype: float32\n");
        Assert.Equal(0, Run("merge", folder["merge.yml"], folder["merged"]).Code);
        File.AppendAllText(folder["recipe.yml"], "  merge: true\n");
        Assert.Equal(0, Run("train", folder["recipe.yml"], folder["whole"], "--threads", "1").Code);
        using DisposeScope scope = NewDisposeScope();
        using var merged = PretrainedModel.Load<CausalLm>(folder["merged"]);
        using var whole = PretrainedModel.Load<CausalLm>(folder["whole"]);
        Tensor ids = TinyModel.Ids(2, 20);
        Assert.InRange(Distance(merged.Forward(ids).Logits, whole.Forward(ids).Logits), 0, 1e-4);
    }

    [Fact]
    public void Names_of_a_file_without_the_prefix_fit_an_adapter_with_it()
    {
        using var folder = new TempFolder();
        using CausalLm model = TinyModel.New("gpt2", Trainable);
        model.Save(folder["base"]);
        TinyModel.EditWeights(folder["base"], tensors =>
        {
            foreach (string name in tensors.Keys.Where(name => name.StartsWith("transformer.", StringComparison.Ordinal)).ToArray())
                TinyModel.Rename(tensors, name, name["transformer.".Length..]);
        });
        using LoraAdapters adapters = LoraAdapters.Attach(model, new LoraOptions(), 5);
        adapters.Save(folder["adapter"], folder["base"]);
        using ModelFolder files = ModelFolder.Open(folder["base"]);
        var owned = new List<IDisposable>();
        Assert.Contains("h.0.attn.c_attn.weight", Merganser.Weights.Lora.LoraOverlay.Overlay(files, folder["adapter"], owned).Keys);
        owned.ForEach(item => item.Dispose());
    }

    [Theory]
    [InlineData("lora:\n  targets: [q_porj]", "'q_proj'")]
    [InlineData("lora:\n  rang: 3", "rank")]
    [InlineData("lora:\n  rank: 0", "at least 1")]
    [InlineData("lora: 3", "a mapping of rank")]
    [InlineData("labels: [a, b]", "labels")]
    public void A_wrong_section_gives_one_line(string lines, string part)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["words.txt"], string.Concat(Enumerable.Repeat("the cat sat on the mat. ", 40)));
        File.WriteAllText(folder["recipe.yml"], $"model: {ByteLlama}\ntrain: words.txt\n{lines}\n");
        (int code, _, string error) = Run("train", folder["recipe.yml"], folder["out"]);
        Assert.Equal(1, code);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.Contains(part, error, StringComparison.Ordinal);
    }
}
