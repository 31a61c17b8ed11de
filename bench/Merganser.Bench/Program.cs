using System.CommandLine;
using Merganser;
using Merganser.Bench;

// Usage: dotnet run -c Release --project bench/Merganser.Bench -- generate SIZE FOLDER | merge [options] | cast
var root = new RootCommand("Measures merges from disk to disk, the kernels alone, and tokenizers.") { CreateGenerate(), CreateMerge(), CreateCast(), CreateTokenizers(), TrainingBenchmark.Create() };
try
{
    return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (MerganserException e)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 1;
}

static Command CreateGenerate()
{
    var size = new Argument<string>("size");
    var work = new Argument<string>("folder");
    var command = new Command("generate", "Makes the synthetic checkpoints of a size: base, a and b") { size, work };
    command.SetAction(parsed => Find(parsed.GetValue(size)!).Generate(Path.Combine(parsed.GetValue(work)!, parsed.GetValue(size)!), seed: 1, Console.Error));
    return command;
}

static Command CreateCast()
{
    var command = new Command("cast", "Conversions of element types and the arithmetic of methods, one thread");
    command.SetAction(_ => KernelBenchmark.Run(Console.Out));
    return command;
}

static Command CreateTokenizers()
{
    var names = new Option<string>("--names") { Description = "vocabularies, separated by commas", DefaultValueFactory = _ => "gpt2,cl100k,o200k,llama3,qwen3,gemma3,bert-uncased-npm,unigram" };
    var vocabularies = new Option<string>("--vocabularies") { Description = "the folder with NAME/tokenizer.json (see eng/fetch-vocabularies.sh)", DefaultValueFactory = _ => Path.Combine("artifacts", "vocabularies") };
    var text = new Option<string[]>("--text") { Description = "folders with text; by default documentation, programs and manual pages of the system", DefaultValueFactory = _ => [], AllowMultipleArgumentsPerToken = true };
    var corpora = new Option<string>("--corpora") { Description = "en, mix", DefaultValueFactory = _ => "en,mix" };
    var runs = new Option<int>("--runs") { Description = "runs of each", DefaultValueFactory = _ => 3 };
    var alone = new Option<bool>("--alone") { Description = "without the other libraries" };
    var output = new Option<string?>("--out") { Description = "also write the tables to this file" };
    var command = new Command("tokenizers", "Encodes text, side by side with Microsoft.ML.Tokenizers, SharpToken and, if a python3 on the PATH has them, HF tokenizers and tiktoken") { names, vocabularies, text, corpora, runs, alone, output };
    command.SetAction(parsed =>
    {
        using var page = new StringWriter();
        page.WriteLine("# Speed of tokenizers");
        page.WriteLine();
        page.WriteLine("Written by `dotnet run -c Release --project bench/Merganser.Bench -- tokenizers`. MB of UTF-8 per second of processor time (ids, offsets, count: one thread) or, where the heading says so, by the clock; best of the runs; documents of about 4 kB; every encoder is given UTF-16 strings (in Python those of Python). " + TrainedUnigram.Description);
        page.WriteLine();
        TokenizerBenchmark.Run(
            new TokenizerBenchmarkOptions
            {
                Vocabularies = parsed.GetValue(vocabularies)!,
                Names = parsed.GetValue(names)!.Split(','),
                TextFolders = parsed.GetValue(text)!,
                Corpora = parsed.GetValue(corpora)!.Split(','),
                Runs = parsed.GetValue(runs),
                WithPeers = !parsed.GetValue(alone),
            },
            page,
            Console.Error);
        Console.Write(page);
        if (parsed.GetValue(output) is { } path)
            File.WriteAllText(path, page.ToString());
    });
    return command;
}

static SyntheticModel Find(string size) =>
    SyntheticModel.All.FirstOrDefault(model => model.Size == size) ?? throw new MerganserException($"there is no size '{size}'; there are {string.Join(", ", SyntheticModel.All.Select(model => model.Size))}");

static Command CreateMerge()
{
    string sizes = string.Join(", ", SyntheticModel.All.Where(model => !model.Sparse).Select(model => model.Size));
    string sparseSizes = string.Join(", ", SyntheticModel.All.Where(model => model.Sparse).Select(model => model.Size));
    var size = new Option<string>("--size") { Description = $"models to time, of {sizes}; separated by commas, empty for none", DefaultValueFactory = _ => "1.1b" };
    var methods = new Option<string>("--methods") { Description = "merge methods to time, separated by commas", DefaultValueFactory = _ => "linear,slerp,task_arithmetic,nearswap,dare_linear,dare_ties,ties,sce,breadcrumbs,breadcrumbs_ties,pcb,della,della_linear" };
    var threads = new Option<string>("--threads") { Description = "numbers of threads, separated by commas", DefaultValueFactory = _ => "1,2" };
    var runs = new Option<int>("--runs") { Description = "runs of each", DefaultValueFactory = _ => 3 };
    var cold = new Option<bool>("--cold") { Description = "also measure with the inputs, and those of the floor, dropped from the page cache before each run" };
    var memory = new Option<string>("--memory") { Description = $"models whose peak memory is measured, of {sparseSizes}; separated by commas, empty for none", DefaultValueFactory = _ => "4gb,16gb" };
    var memoryMethods = new Option<string>("--memory-methods") { Description = "merge methods whose peak memory is measured, separated by commas", DefaultValueFactory = _ => "linear,ties" };
    var work = new Option<string>("--work") { Description = "folder for models and outputs; models that are there are used", DefaultValueFactory = _ => Path.Combine(Path.GetTempPath(), "merganser-bench") };
    var cli = new Option<string?>("--cli") { Description = "the command line to measure: Merganser.Cli.dll or a native binary; by default what ./merganser builds" };
    var output = new Option<string?>("--out") { Description = "also write the tables to this file" };
    var command = new Command("merge", "Merges from disk to disk, side by side with cp + cat and, if it is on the PATH, mergekit") { size, methods, threads, runs, cold, memory, memoryMethods, work, cli, output };
    command.SetAction(parsed =>
    {
        MergeProgram program = parsed.GetValue(cli) is { } given ? MergeProgram.At(given) : MergeProgram.OfLauncher(Console.Error);
        MergeBenchmarkOptions Options(string name, string wanted, string counts, int repeats, bool alsoCold) => new()
        {
            Model = Find(name),
            Methods = Split(wanted),
            Threads = [.. Split(counts).Select(int.Parse)],
            Runs = repeats,
            Cold = alsoCold,
            Work = parsed.GetValue(work)!,
            Program = program,
        };

        Directory.CreateDirectory(parsed.GetValue(work)!);
        using var page = new StringWriter();
        page.WriteLine("# Speed of merging, disk to disk");
        page.WriteLine();
        page.WriteLine("Written by `dotnet run -c Release --project bench/Merganser.Bench -- merge`.");
        MergeReport.WriteMachine(program, page);
        foreach (string name in Split(parsed.GetValue(size)!))
        {
            MergeBenchmarkOptions options = Options(name, parsed.GetValue(methods)!, parsed.GetValue(threads)!, parsed.GetValue(runs), parsed.GetValue(cold));
            page.WriteLine();
            MergeReport.WriteTimes(options, [.. MergeBenchmark.Run(options, Console.Error)], page);
        }

        string[] large = Split(parsed.GetValue(memory)!);
        if (large.Length > 0)
        {
            var rows = new List<(SyntheticModel, MergeRow)>();
            foreach (string name in large)
            {
                MergeBenchmarkOptions options = Options(name, parsed.GetValue(memoryMethods)!, "2", 1, alsoCold: false);
                rows.AddRange(MergeBenchmark.Run(options, Console.Error).Select(row => (options.Model, row)));
            }

            page.WriteLine();
            MergeReport.WriteMemory([.. rows], page);
        }

        Console.Write(page);
        if (parsed.GetValue(output) is { } path)
            File.WriteAllText(path, page.ToString());
    });
    return command;
}

static string[] Split(string list) => list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
