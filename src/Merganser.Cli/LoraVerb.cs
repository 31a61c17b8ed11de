using System.CommandLine;
using Merganser.Checkpoints;
using Merganser.Weights.Lora;

namespace Merganser.Cli;

/// <summary><c>merganser lora extract --model tuned --base-model base --out-path adapter</c></summary>
internal static class LoraVerb
{
    private const string Help = """
        Turn a fine-tuned model into a LoRA adapter of its base.

        Matrices whose smaller side is at least 1024 and at least eight times the rank are decomposed by random projection
        (10 more directions, 2 power iterations); --exact decomposes all of them exactly, which takes longer.
        """;

    public static Command Create() => new("lora", "Work with LoRA adapters.") { Extract("extract") };

    /// <summary>The same under mergekit's name.</summary>
    public static Command CreateAlias()
    {
        Command command = Extract("extract-lora");
        command.Hidden = true;
        return command;
    }

    private static Command Extract(string name)
    {
        var model = new Option<string>("--model") { Description = "the fine-tuned model", Required = true };
        var baseModel = new Option<string>("--base-model") { Description = "the model it was made from", Required = true };
        var output = new Option<string>("--out-path") { Description = "the adapter's folder", Required = true };
        var rank = new Option<int>("--max-rank") { Description = "the largest rank of a module", DefaultValueFactory = _ => 128 };
        var distribute = new Option<bool>("--distribute-scale") { Description = "give both factors the root of the singular values (default)", DefaultValueFactory = _ => true };
        var noDistribute = new Option<bool>("--no-distribute-scale") { Description = "give the singular values to A alone" };
        var embed = new Option<bool>("--embed-lora") { Description = "decompose embeddings and output head instead of saving them whole" };
        var save = new Option<string[]>("--save-module") { Description = "save this module whole (repeat)" };
        var include = new Option<string[]>("--include-regex") { Description = "extract only modules that match one of these (repeat)" };
        var exclude = new Option<string[]>("--exclude-regex") { Description = "leave out modules that match one of these (repeat)" };
        var epsilon = new Option<double>("--sv-epsilon") { Description = "drop singular values up to this; 0 keeps all up to the rank" };
        var skip = new Option<bool>("--skip-undecomposable") { Description = "leave out norms instead of saving them whole" };
        var exact = new Option<bool>("--exact") { Description = "no random projection" };
        var seed = new Option<ulong>("--seed") { Description = "seed of random projections" };
        var threads = new Option<int>("--threads", "-j") { Description = "threads of a decomposition", DefaultValueFactory = _ => Environment.ProcessorCount };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace the output folder if it exists" };
        var command = new Command(name, Help)
        {
            model, baseModel, output, rank, distribute, noDistribute, embed, save, include, exclude, epsilon, skip, exact, seed, threads, overwrite,
        };
        command.SetAction((parsed, cancellation) =>
        {
            TextWriter error = parsed.InvocationConfiguration.Error;
            using ModelFolder old = ModelFolder.Open(parsed.GetRequiredValue(baseModel));
            using ModelFolder tuned = ModelFolder.Open(parsed.GetRequiredValue(model));
            long shown = Environment.TickCount64;
            LoraExtractReport report = LoraExtractor.Extract(old, tuned, parsed.GetRequiredValue(output), new LoraExtractOptions
            {
                MaxRank = parsed.GetValue(rank),
                DistributeScale = parsed.GetValue(distribute) && !parsed.GetValue(noDistribute),
                EmbedLora = parsed.GetValue(embed),
                SaveModules = parsed.GetValue(save) ?? [],
                IncludeRegexes = parsed.GetValue(include) ?? [],
                ExcludeRegexes = parsed.GetValue(exclude) ?? [],
                SvEpsilon = parsed.GetValue(epsilon),
                SkipUndecomposable = parsed.GetValue(skip),
                Exact = parsed.GetValue(exact),
                Seed = parsed.GetValue(seed),
                Threads = Math.Max(1, parsed.GetValue(threads)),
                Overwrite = parsed.GetValue(overwrite),
                Warn = line => error.WriteLine($"warning: {line}"),
                Progress = (done, all) =>
                {
                    if (Environment.TickCount64 - shown < 2000)
                        return;
                    shown = Environment.TickCount64;
                    error.WriteLine($"lora extract: {done}/{all} modules");
                },
                Cancellation = cancellation,
            });
            parsed.InvocationConfiguration.Output.WriteLine(
                $"{parsed.GetRequiredValue(output)}: {report.Decomposed} modules of rank up to {report.Rank}, {report.Saved} saved whole, {ByteSize.Format(report.Bytes)}");
            return Task.FromResult(0);
        });
        return command;
    }
}
