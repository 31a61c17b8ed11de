using System.Diagnostics;
using Merganser.Cli.Neural;
using Merganser.Neural.Training;
using Merganser.Tests;

namespace Merganser.Neural.Tests.Training;

/// <summary><c>train --resume</c>: a process that is killed, and started anew, ends where one does that was left alone.</summary>
[Collection(ThreadCount.Name)]
public sealed class ResumeTests
{
    private const int Steps = 150;

    private static readonly string Model = Path.Combine(Golden.Repository, "models", "bytellama-140k", "base");

    public static TheoryData<string, string> Kinds => new()
    {
        { "average_decay: 0.95\noptimizer: adamw\n", "model.safetensors" },
        { "lora:\n  rank: 4\n  dropout: 0.2\n", "adapter_model.safetensors" },
    };

    private static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (string argument in (string[])[Path.Join(AppContext.BaseDirectory, "Merganser.Cli.Neural.dll"), .. arguments])
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }

    private static void RunToEnd(params string[] arguments)
    {
        using Process process = Start(arguments);
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.Result);
    }

    /// <summary>The rows of the log without the speed, which is measured.</summary>
    private static string[] Rows(string folder) =>
        [.. File.ReadAllLines(Path.Join(folder, "training.csv")).Select(line => string.Join(',', line.Split(',').Where((_, column) => column != 4)))];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_killed_run_is_resumed_to_the_same_losses_and_bytes(string lines, string weights)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["words.txt"], string.Concat(Enumerable.Range(0, 300).Select(i => $"the {i} cats sat on {i * 7 % 31} mats. ")));
        File.WriteAllText(folder["recipe.yml"], $"model: {Model}\ntrain: words.txt\nevaluate: words.txt\ncontext: 48\nsteps: {Steps}\nbatch_size: 4\nevaluate_every: 70\nsave_every: 10\n{lines}");
        string[] command = ["train", folder["recipe.yml"], folder["out"], "--threads", "1"];
        RunToEnd("train", folder["recipe.yml"], folder["whole"], "--threads", "1");
        using (Process process = Start(command))
        {
            string state = Path.Join(folder["out.partial"], "state.safetensors");
            while (!process.HasExited && !File.Exists(state))
                Thread.Yield();
            process.Kill();
            process.WaitForExit();
        }

        Assert.False(Directory.Exists(folder["out"]), "the run was over before it was killed; the test no longer tests what it says");
        File.WriteAllText(Path.Join(folder["out.partial"], "state.safetensors.0123.part"), "cut off");
        RunToEnd([.. command, "--resume"]);
        string[] rows = Rows(folder["out"]);
        Assert.Equal(Steps + 1, rows.Length);
        Assert.Equal(Rows(folder["whole"]), rows);
        Assert.Equal(File.ReadAllBytes(Path.Join(folder["whole"], weights)), File.ReadAllBytes(Path.Join(folder["out"], weights)));
        Assert.Equal(Directory.GetFiles(folder["whole"]).Select(Path.GetFileName).Order(StringComparer.Ordinal), Directory.GetFiles(folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.False(Directory.Exists(folder["out.partial"]));
    }

    [Fact]
    public void A_run_of_another_recipe_is_not_taken_up()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["words.txt"], string.Concat(Enumerable.Repeat("the cat sat on the mat. ", 40)));
        File.WriteAllText(folder["recipe.yml"], $"model: {Model}\ntrain: words.txt\ncontext: 24\nsteps: 9\nbatch_size: 4\n");
        using (var run = new TrainingRun(TrainingRecipe.ReadFile(folder["recipe.yml"])))
        {
            using var stop = new CancellationTokenSource();
            Assert.Throws<OperationCanceledException>(() => run.Run(folder["out"], progress: new Stopper(stop), cancellation: stop.Token));
        }

        File.AppendAllText(folder["recipe.yml"], "seed: 3\n");
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.Equal(1, Merganser.Cli.Program.Run(["train", folder["recipe.yml"], folder["out"], "--resume"], output, error, NeuralVerbs.All));
        Assert.Contains("other settings", error.ToString(), StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["out"]));
        Assert.Equal(0, Merganser.Cli.Program.Run(["train", folder["recipe.yml"], folder["out"]], output, error, NeuralVerbs.All));
    }

    [Fact]
    public void The_bar_shows_step_loss_speed_and_evaluations()
    {
        var progress = new TrainingProgress(20, 500, 1.25, 1e-3, 12345.6, "tokens", TimeSpan.Zero, new TrainingEvaluation(0.5, 0.875));
        Assert.Equal("starting", TrainDisplay.State(null, ""));
        Assert.Equal("step 20/500, loss 1.2500, 12,346 tokens/s, held-out loss 0.5000, accuracy 87.5 %", TrainDisplay.State(progress, TrainDisplay.Held(progress.Evaluation!)));
    }

    private sealed class Stopper(CancellationTokenSource stop) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value.Step == 4)
                stop.Cancel();
        }
    }
}
