using System.CommandLine;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Lora;
using Merganser.Weights.Recipes;

namespace Merganser.Cli;

/// <summary>What the verbs that write a model have in common: options and the run.</summary>
internal sealed class ToolRun
{
    private readonly Option<string> _shard = new("--shard-size", "--out-shard-size") { Description = "most bytes in one file: 5GB, 500MB, 2GiB; 0 for one file", DefaultValueFactory = _ => "5GB" };
    private readonly Option<int> _threads = new("--threads", "-j") { Description = "worker threads", DefaultValueFactory = _ => Environment.ProcessorCount };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "replace the output folder if it exists" };
    private readonly Option<bool> _resume = new("--resume") { Description = "go on with an interrupted run of the same work" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print errors only" };
    private readonly string _shardDefault = "5GB";

    public ToolRun(string? shardSize = null)
    {
        if (shardSize is null)
            return;
        _shardDefault = shardSize;
        _shard.DefaultValueFactory = _ => _shardDefault;
    }

    /// <summary>Adds the options to a verb.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_shard, _threads, _overwrite, _resume, _quiet])
            command.Add(option);
    }

    public MergeDisplay Display(ParseResult parsed) =>
        new(parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error, parsed.GetValue(_quiet), verbose: false);

    /// <summary>True when only errors are to be printed.</summary>
    public bool IsQuiet(ParseResult parsed) => parsed.GetValue(_quiet);

    /// <summary>The number of worker threads.</summary>
    public int Threads(ParseResult parsed) =>
        parsed.GetValue(_threads) is >= 1 and var threads ? threads : throw new MerganserException($"--threads is {parsed.GetValue(_threads)}; it must be at least 1");

    /// <summary>The options of a recipe that a verb made itself.</summary>
    public static PlanOptions Planning(string output, ulong seed, MergeDisplay display) => new()
    {
        Seed = seed,
        Title = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(output))),
        ApplyAdapter = LoraOverlay.Overlay,
        Warn = display.Warn,
    };

    /// <summary>Carries out a plan and reports.</summary>
    public int Run(string name, MergePlan plan, string output, ParseResult parsed, CancellationToken cancellation)
    {
        MergeDisplay display = Display(parsed);
        var options = new MergeRunOptions
        {
            Threads = Threads(parsed),
            ShardBytes = ByteSize.Parse(parsed.GetRequiredValue(_shard)),
            Overwrite = parsed.GetValue(_overwrite),
            Resume = parsed.GetValue(_resume),
            Warn = display.Warn,
            Cancellation = cancellation,
        };
        display.Describe(plan, output);
        MergeReport report;
        using (new RunDisplay(name, options.Progress, parsed.InvocationConfiguration.Error))
            report = MergeExecutor.Run(plan, output, options);
        display.Report(report, output);
        return 0;
    }
}
