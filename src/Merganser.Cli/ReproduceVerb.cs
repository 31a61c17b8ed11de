using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Merganser.Experiments;
using Merganser.Weights.Recipes;

namespace Merganser.Cli;

/// <summary><c>reproduce</c>: tries a system's claim at small scale; table, verdict, plot, result page.</summary>
internal static class ReproduceVerb
{
    private const string Pages = "docs/results";

    public static Command Create(IReadOnlyList<Experiment> experiments)
    {
        var id = new Argument<string[]>("id") { Description = "experiments, as --list names them", Arity = ArgumentArity.ZeroOrMore };
        var all = new Option<bool>("--all") { Description = "all experiments" };
        var list = new Option<bool>("--list") { Description = "list the experiments with their claims" };
        var quick = new Option<bool>("--quick") { Description = "seconds instead of minutes: shows that it works, its verdicts mean little; writes no page unless --out is given" };
        var seed = new Option<int>("--seed") { Description = "first seed", DefaultValueFactory = _ => 1 };
        var seeds = new Option<int?>("--seeds") { Description = "number of seeds (default: the experiment's own)" };
        var outFolder = new Option<string?>("--out") { Description = $"folder for ID.md and ID.svg (default: {Pages})" };
        var models = new Option<string>("--models") { Description = "folder with the families of checkpoints", DefaultValueFactory = _ => "models" };
        var json = new Option<bool>("--json") { Description = "print JSON" };
        var command = new Command("reproduce", "Try a paper's claim at small scale: table, verdict with confidence interval, plot, result page") { id, all, list, quick, seed, seeds, outFolder, models, json };
        command.SetAction((parsed, cancellation) =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output, error = parsed.InvocationConfiguration.Error;
            if (parsed.GetValue(list))
            {
                PrintList(output, experiments);
                return Task.FromResult(0);
            }

            IReadOnlyList<Experiment> wanted = parsed.GetValue(all) ? experiments : [.. parsed.GetValue(id)!.Select(name => Find(experiments, name))];
            if (wanted.Count == 0)
                throw new MerganserException("say which experiment, or --all; 'merganser reproduce --list' names them");
            if (parsed.GetValue(seeds) is < 1)
                throw new MerganserException("--seeds must be at least 1");
            var context = new ExperimentContext
            {
                Quick = parsed.GetValue(quick),
                Seed = parsed.GetValue(seed),
                SeedCount = parsed.GetValue(seeds),
                Models = parsed.GetValue(models)!,
                Progress = step => error.WriteLine($"  {step}"),
                Cancellation = cancellation,
            };
            string? folder = parsed.GetValue(outFolder) ?? (context.Quick ? null : Pages);
            var runs = new List<(Experiment Experiment, ExperimentResult Result, double Seconds)>();
            foreach (Experiment experiment in wanted)
            {
                long start = Stopwatch.GetTimestamp();
                ExperimentResult result = experiment.Run(context);
                if (context.Quick)
                    result = result with { Notes = [.. result.Notes, "A quick run: networks are at most 32 wide whatever the tables say, and hardly trained. Its verdicts mean nothing."] };
                TimeSpan time = Stopwatch.GetElapsedTime(start);
                runs.Add((experiment, result, time.TotalSeconds));
                string? page = folder is null ? null : ResultPage.Write(experiment, result, CommandText(experiment, context), time, folder);
                if (!parsed.GetValue(json))
                    Print(output, experiment, result, page);
            }

            if (parsed.GetValue(json))
                JsonText.Print(output, writer => WriteJson(writer, runs));
            return Task.FromResult(0);
        });
        return command;
    }

    private static Experiment Find(IReadOnlyList<Experiment> experiments, string name)
    {
        if (experiments.FirstOrDefault(experiment => experiment.Id == name) is { } found)
            return found;
        if (NeuralExperiments.Ids.Contains(name))
            throw new MerganserException($"experiment '{name}' computes with models and needs libtorch, which this program was built without; run ./merganser of the repository, which builds the other one");
        throw new MerganserException($"there is no experiment {NearestName.Quote(name)}{NearestName.Hint(name, experiments.Select(experiment => experiment.Id))}; 'merganser reproduce --list' names them");
    }

    private static string CommandText(Experiment experiment, ExperimentContext context) => string.Create(
        CultureInfo.InvariantCulture,
        $"merganser reproduce {experiment.Id}{(context.Quick ? " --quick" : "")}{(context.Seed != 1 ? $" --seed {context.Seed}" : "")}{(context.SeedCount is { } count ? $" --seeds {count}" : "")}");

    private static void PrintList(TextWriter output, IReadOnlyList<Experiment> experiments)
    {
        var table = new TextTable("experiment", "budget", "paper");
        foreach (Experiment experiment in experiments)
            table.Add(experiment.Id, experiment.Budget, experiment.Paper);
        foreach (string neural in NeuralExperiments.Ids.Where(name => experiments.All(experiment => experiment.Id != name)))
            table.Add(neural, "–", "with libtorch: ./merganser of the repository");
        table.Print(output, 3);
    }

    private static void Print(TextWriter output, Experiment experiment, ExperimentResult result, string? page)
    {
        output.WriteLine($"{experiment.Title}: {experiment.Claim}");
        foreach (ResultTable rows in result.Tables)
        {
            output.WriteLine();
            output.WriteLine(rows.Title);
            var table = new TextTable([.. rows.Headings]);
            foreach (IReadOnlyList<string> row in rows.Rows)
                table.Add([.. row]);
            table.Print(output, 1);
        }

        output.WriteLine();
        foreach (Finding finding in result.Findings)
            output.WriteLine($"{finding.VerdictText}: {finding.Statement}: {ResultPage.IntervalText(finding.Interval)}, asked {finding.Condition}, {finding.Values.Count} seeds");
        output.WriteLine($"{experiment.Id}: {result.VerdictText}");
        if (page is not null)
            output.WriteLine($"written: {page}");
    }

    private static void WriteJson(Utf8JsonWriter json, List<(Experiment Experiment, ExperimentResult Result, double Seconds)> runs)
    {
        json.WriteStartArray();
        foreach ((Experiment experiment, ExperimentResult result, double seconds) in runs)
        {
            json.WriteStartObject();
            json.WriteString("id", experiment.Id);
            json.WriteString("claim", experiment.Claim);
            json.WriteString("verdict", result.VerdictText);
            json.Number("seconds", seconds);
            json.WriteStartArray("findings");
            foreach (Finding finding in result.Findings)
            {
                json.WriteStartObject();
                json.WriteString("statement", finding.Statement);
                json.WriteString("asked", finding.Condition);
                json.WriteString("verdict", finding.VerdictText);
                json.Number("mean", finding.Interval.Mean);
                json.Number("low", finding.Interval.Low);
                json.Number("high", finding.Interval.High);
                json.WriteStartArray("values");
                foreach (double value in finding.Values)
                    json.WriteNumberValue(value);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("tables");
            foreach (ResultTable table in result.Tables)
            {
                json.WriteStartObject();
                json.WriteString("title", table.Title);
                json.WriteStartArray("rows");
                foreach (IReadOnlyList<string> row in table.Rows)
                {
                    json.WriteStartObject();
                    for (int column = 0; column < row.Count; column++)
                        json.WriteString(table.Headings[column], row[column]);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
