using System.CommandLine;
using System.Globalization;
using Merganser;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Gguf;
using Merganser.Neural.Bench;
using Merganser.Neural.Models;
using static TorchSharp.torch;

// Usage: dotnet run -c Release --project bench/Merganser.Neural.Bench -- prepare | measure [options] | report | training [options] | tokens [options] | tokens-report
const string RowFile = "rows.jsonl", TokenFile = "tokens.jsonl";
(string Name, GgufType Type)[] formats = [("fp32", GgufType.F32), ("bf16", GgufType.BF16), ("int8", GgufType.Q8)];
var shapes = new Option<string>("--shapes") { Description = "models, separated by commas", DefaultValueFactory = _ => string.Join(',', ModelShape.All.Select(shape => shape.Name)) };
var wanted = new Option<string>("--formats") { Description = "weight formats, separated by commas", DefaultValueFactory = _ => string.Join(',', formats.Select(format => format.Name)) };
var threads = new Option<string>("--threads") { Description = "numbers of threads, separated by commas", DefaultValueFactory = _ => "1,2" };
var engines = new Option<string>("--engines") { Description = "own, transformers, llama.cpp, separated by commas; those that are not there are left out", DefaultValueFactory = _ => "own,transformers,llama.cpp" };
var work = new Option<string>("--work") { Description = "folder for models and rows", DefaultValueFactory = _ => Path.Combine("artifacts", "decoding-bench") };
var output = new Option<string>("--out") { Description = "the page", DefaultValueFactory = _ => Path.Combine("docs", "results", "decoding-speed.md") };

var prepare = new Command("prepare", "Makes the models that are not there, as folders and as GGUF") { shapes, work };
prepare.SetAction(parsed =>
{
    string folder = parsed.GetValue(work)!;
    Directory.CreateDirectory(folder);
    foreach (ModelShape shape in Split(parsed.GetValue(shapes)!).Select(ModelShape.Find))
    {
        if (!Directory.Exists(shape.Folder(folder)))
        {
            Console.Error.WriteLine(shape.Folder(folder));
            using PretrainedModel model = PretrainedModel.CreateNew(shape.Config, seed: 1, new ModelOptions { DType = ScalarType.BFloat16 });
            model.Save(shape.Folder(folder));
        }

        foreach ((string name, GgufType type) in formats.Where(format => !File.Exists(shape.Gguf(folder, format.Name))))
        {
            Console.Error.WriteLine(shape.Gguf(folder, name));
            using ModelFolder source = ModelFolder.Open(shape.Folder(folder));
            GgufExporter.Export(source, shape.Gguf(folder, name), type);
        }
    }
});

var measure = new Command("measure", "Measures what 'prepare' made, one line for each figure; lines are kept for 'report'") { shapes, wanted, threads, engines, work };
measure.SetAction(parsed =>
{
    string folder = parsed.GetValue(work)!, path = Path.Combine(folder, RowFile);
    int[] counts = [.. Split(parsed.GetValue(threads)!).Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
    foreach (ModelShape shape in Split(parsed.GetValue(shapes)!).Select(ModelShape.Find))
    {
        foreach (string format in Split(parsed.GetValue(wanted)!))
        {
            foreach (string engine in Split(parsed.GetValue(engines)!))
            {
                foreach (SpeedRow row in engine switch
                {
                    "own" => OwnSpeed.Measure(shape, folder, format, counts),
                    "transformers" => PeerSpeed.Transformers(shape, folder, format, counts),
                    "llama.cpp" => PeerSpeed.LlamaCpp(shape, folder, format, counts),
                    _ => throw new MerganserException($"there is no engine '{engine}'; there are own, transformers, llama.cpp"),
                })
                {
                    row.AppendTo(path);
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Shape} {row.Work} {row.Format} {row.Threads} {row.Engine}: {row.Rate:F1} tokens/s, median {row.Median:F1}, limit {row.Limit:F1} ({row.Machine:F1})"));
                }
            }
        }
    }
});

var report = new Command("report", "Writes the page from all lines") { work, output };
report.SetAction(parsed =>
{
    using StreamWriter page = File.CreateText(parsed.GetValue(output)!);
    page.NewLine = "\n";
    SpeedReport.Write(SpeedRow.Read(Path.Combine(parsed.GetValue(work)!, RowFile)), page);
});

var encoders = new Option<string>("--encoders") { Description = "vit-s, vit-b, separated by commas", DefaultValueFactory = _ => "vit-s,vit-b" };
var parts = new Option<string>("--parts") { Description = "block, model, peer, separated by commas", DefaultValueFactory = _ => "block,model,peer" };
var seconds = new Option<double>("--seconds") { Description = "time for the rounds of one whole model", DefaultValueFactory = _ => 60 };
var tokenPage = new Option<string>("--out") { Description = "the page", DefaultValueFactory = _ => Path.Combine("docs", "results", "token-speed.md") };
var tokens = new Command("tokens", "Measures token reduction in one block and in whole models, one line for each figure; lines are kept for 'tokens-report'") { encoders, parts, threads, seconds, work };
tokens.SetAction(parsed =>
{
    string folder = parsed.GetValue(work)!;
    Directory.CreateDirectory(folder);
    foreach (string encoder in Split(parsed.GetValue(encoders)!))
    {
        foreach (int count in Split(parsed.GetValue(threads)!).Select(text => int.Parse(text, CultureInfo.InvariantCulture)))
        {
            foreach (TokenRow row in Split(parsed.GetValue(parts)!).SelectMany(part => part switch
            {
                "block" => TokenSpeed.Blocks(encoder, count),
                "model" => TokenSpeed.Models(encoder, count, parsed.GetValue(seconds)),
                "peer" => TokenSpeed.Peer(encoder, count),
                _ => throw new MerganserException($"there is no part '{part}'; there are block, model, peer"),
            }))
            {
                row.AppendTo(Path.Combine(folder, TokenFile));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Kind} {row.Shape} {row.Reducer} r={row.Removed} threads={row.Threads}: best {row.Best:F3}, median {row.Median:F3}, ratio {row.Ratio:F3}, ideal {row.Ideal:F3}"));
            }
        }
    }
});

var tokensReport = new Command("tokens-report", "Writes the page of token reduction from all lines") { work, tokenPage };
tokensReport.SetAction(parsed =>
{
    using StreamWriter page = File.CreateText(parsed.GetValue(tokenPage)!);
    page.NewLine = "\n";
    TokenReport.Write(TokenRow.Read(Path.Combine(parsed.GetValue(work)!, TokenFile)), page);
});

var batch = new Option<int>("--batch") { Description = "windows of a step", DefaultValueFactory = _ => 8 };
var context = new Option<int>("--context") { Description = "tokens of a window", DefaultValueFactory = _ => 256 };
var steps = new Option<int>("--steps") { Description = "steps, the fastest counts", DefaultValueFactory = _ => 8 };
var types = new Option<string>("--types") { Description = "types that are computed in", DefaultValueFactory = _ => "float32,bfloat16" };
var training = new Command("training", "Times steps of training, in all types and with all numbers of threads") { shapes, threads, types, batch, context, steps };
training.SetAction(parsed =>
{
    foreach (ModelShape shape in Split(parsed.GetValue(shapes)!).Select(ModelShape.Find))
    {
        foreach (string type in Split(parsed.GetValue(types)!))
        {
            foreach (string count in Split(parsed.GetValue(threads)!))
            {
                Console.WriteLine(TrainingSpeed.Measure(
                    shape, Merganser.Neural.TorchRuntime.ParseType(type), int.Parse(count, CultureInfo.InvariantCulture), parsed.GetValue(batch), parsed.GetValue(context), parsed.GetValue(steps)));
            }
        }
    }
});

try
{
    return new RootCommand("Measures prefill and decoding on the processor beside the machine's limits, transformers and llama.cpp, and token reduction in encoders.") { prepare, measure, report, training, tokens, tokensReport }
        .Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (MerganserException e)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 1;
}

static string[] Split(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
