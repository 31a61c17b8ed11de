using System.CommandLine;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Recipes;

namespace Merganser.Cli;

/// <summary><c>merganser merge recipe.yml out/</c></summary>
internal static class MergeVerb
{
    /// <summary>Options of mergekit that change nothing here: accepted, with a note, so that its command lines run unchanged.</summary>
    private static readonly (string Name, bool TakesValue)[] WithoutEffect =
    [
        ("--lora-merge-cache", true), ("--lora-merge-dtype", true), ("--transformers-cache", true), ("--write-threads", true),
        ("--cuda", false), ("--low-cpu-memory", false), ("--clone-tensors", false), ("--trust-remote-code", false), ("--lazy-unpickle", false),
        ("--safe-serialization", false), ("--read-to-gpu", false), ("--multi-gpu", false), ("--gpu-rich", false), ("--async-write", false),
    ];

    public static Command Create()
    {
        var recipe = new Argument<string>("recipe") { Description = "the recipe, in mergekit's YAML" };
        var output = new Argument<string>("out") { Description = "the folder of the merged model" };
        var dryRun = new Option<bool>("--dry-run") { Description = "plan, print what would be read and written, and stop" };
        var explain = new Option<string?>("--explain") { Description = "print where the parameters of tensors whose name contains this come from, and stop" };
        var shard = new Option<string>("--shard-size", "--out-shard-size") { Description = "most bytes in one file: 5GB, 500MB, 2GiB; 0 for one file", DefaultValueFactory = _ => "5GB" };
        var threads = new Option<int>("--threads", "--num-threads", "-j") { Description = "worker threads", DefaultValueFactory = _ => Environment.ProcessorCount };
        var memory = new Option<string>("--memory") { Description = "bound for methods that hold whole tensors", DefaultValueFactory = _ => "1.5GiB" };
        var chunk = new Option<string>("--chunk-size") { Description = "bytes of each input read at a time", DefaultValueFactory = _ => "256KiB" };
        var device = new Option<string>("--device") { Description = "where to compute: cpu (auto and cuda fall back to it)", DefaultValueFactory = _ => "cpu" };
        var resume = new Option<bool>("--resume") { Description = "go on with an interrupted run of the same recipe" };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace the output folder if it exists" };
        var seed = new Option<ulong>("--seed", "--random-seed") { Description = "seed of random methods" };
        var verify = new Option<bool>("--verify") { Description = "read the result back and compare it before it gets its name" };
        var sync = new Option<bool>("--sync") { Description = "wait until the result is on the disk, so that it survives a power failure" };
        var nonFinite = new Option<bool>("--allow-nonfinite") { Description = "merge models with NaN or infinities, with a warning" };
        var strict = new Option<bool>("--strict-mergekit") { Description = "reproduce mergekit's narrow arithmetic and deviations" };
        var mixed = new Option<bool>("--allow-crimes") { Description = "merge models of different architectures" };
        var unknownKeys = new Option<bool>("--allow-unknown-keys") { Description = "warn about unknown recipe keys instead of stopping" };
        var copyTokenizer = new Option<bool>("--copy-tokenizer") { Description = "copy the tokenizer of the base (default)", DefaultValueFactory = _ => true };
        var noTokenizer = new Option<bool>("--no-copy-tokenizer") { Description = "leave the tokenizer out" };
        var card = new Option<bool>("--write-model-card") { Description = "write README.md (default)", DefaultValueFactory = _ => true };
        var noCard = new Option<bool>("--no-write-model-card") { Description = "leave README.md out" };
        var intermediate = new Option<string?>("--intermediate-dir", "-I") { Description = "where the named documents of a recipe go; default: beside the output" };
        var quiet = new Option<bool>("--quiet") { Description = "print errors only" };
        var verbose = new Option<bool>("--verbose", "-v") { Description = "print what is done for every tensor" };
        var command = new Command("merge", "Merge checkpoints as a recipe says.")
        {
            recipe, output, dryRun, explain, shard, threads, memory, chunk, device, resume, overwrite, seed, verify, sync, nonFinite, strict, mixed,
            unknownKeys, copyTokenizer, noTokenizer, card, noCard, intermediate, quiet, verbose,
        };
        var ignored = new List<Option>();
        foreach ((string name, bool takesValue) in WithoutEffect)
        {
            Option option = takesValue ? new Option<string?>(name) : new Option<bool>(name, $"--no-{name[2..]}");
            option.Hidden = true;
            ignored.Add(option);
            command.Add(option);
        }

        command.SetAction((parsed, cancellation) =>
        {
            var display = new MergeDisplay(parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, parsed.GetValue(quiet), parsed.GetValue(verbose));
            foreach (Option option in ignored.Where(option => parsed.GetResult(option) is { Implicit: false }))
                display.Note($"{option.Name} has no effect here");
            if (parsed.GetValue(device) is var where && where is not "cpu")
                display.Note($"--device {where}: this build merges on the CPU");
            string file = parsed.GetRequiredValue(recipe);
            string folder = parsed.GetRequiredValue(output);
            RecipeSet recipes = RecipeReader.ReadFile(file, new RecipeOptions { AllowUnknownKeys = parsed.GetValue(unknownKeys) });
            var planning = new PlanOptions
            {
                Seed = parsed.GetValue(seed),
                StrictMergekit = parsed.GetValue(strict),
                AllowDifferentArchitectures = parsed.GetValue(mixed),
                CopyTokenizer = parsed.GetValue(copyTokenizer) && !parsed.GetValue(noTokenizer),
                WriteModelCard = parsed.GetValue(card) && !parsed.GetValue(noCard),
                Warn = display.Warn,
            };
            var running = new MergeRunOptions
            {
                Threads = Positive(parsed.GetValue(threads), "--threads"),
                MemoryBytes = ByteSize.Parse(parsed.GetRequiredValue(memory)),
                ShardBytes = ByteSize.Parse(parsed.GetRequiredValue(shard)),
                ChunkBytes = (int)Math.Min(ByteSize.Parse(parsed.GetRequiredValue(chunk)), int.MaxValue),
                Resume = parsed.GetValue(resume),
                Overwrite = parsed.GetValue(overwrite),
                Verify = parsed.GetValue(verify),
                Sync = parsed.GetValue(sync),
                AllowNonFinite = parsed.GetValue(nonFinite),
                Warn = display.Warn,
                Cancellation = cancellation,
            };

            string? explained = parsed.GetValue(explain);
            bool printOnly = explained is not null || parsed.GetValue(dryRun);
            foreach (RecipeStep step in RecipeMerge.Steps(recipes, folder, parsed.GetValue(intermediate)))
            {
                string name = step.Recipe.Name ?? folder;
                if (step.IsDone)
                {
                    display.Note($"{name}: is there already ({step.Folder})");
                    continue;
                }

                if (printOnly && NeedsEarlierStep(step, recipes))
                {
                    display.Note($"{name}: is planned when what it needs has been made");
                    continue;
                }

                using MergePlan plan = RecipeMerge.Plan(step, planning);
                if (explained is not null)
                {
                    display.Explain(plan, explained);
                    continue;
                }

                display.Describe(plan, name);
                if (printOnly)
                {
                    display.Estimate(MergeEstimate.Of(plan, running.Threads));
                    continue;
                }

                MergeRunOptions options = RecipeMerge.ForStep(step, running);
                MergeReport report;
                using (new RunDisplay("merge", options.Progress, parsed.GetValue(quiet) ? TextWriter.Null : parsed.InvocationConfiguration.Error))
                    report = MergeExecutor.Run(plan, step.Folder, options);
                display.Report(report, name);
            }

            return Task.FromResult(0);
        });
        return command;
    }

    /// <summary>True when a model of the step is the result of another document that has not been made.</summary>
    private static bool NeedsEarlierStep(RecipeStep step, RecipeSet recipes) => step.Recipe.AllModels.Any(model =>
        recipes.Documents.Any(document => document.Name is { } name && Path.GetFileName(model.Path) == name && !Directory.Exists(model.Path)));

    private static int Positive(int value, string option) => value > 0 ? value : throw new MerganserException($"{option} is {value}; it must be at least 1");
}
