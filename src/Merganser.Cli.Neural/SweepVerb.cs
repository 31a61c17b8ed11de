using System.CommandLine;
using System.Globalization;
using System.Text;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Classification;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens;
using Merganser.Tokenizers;
using static TorchSharp.torch;

namespace Merganser.Cli.Neural;

/// <summary><c>sweep</c>: reducers of tokens side by side on labelled pictures.</summary>
internal static class SweepVerb
{
    public static Command Create()
    {
        var model = new ModelArguments();
        var inputs = new Argument<string[]>("inputs") { Description = "folders with a folder of pictures per class, or of IDX files", Arity = ArgumentArity.OneOrMore };
        var reduce = new Option<string>("--reduce") { Description = $"reducers, separated by commas: {string.Join(", ", ReducerRegistry.Names)}", DefaultValueFactory = _ => "tome,pitome,random-drop,grid" };
        var flops = new Option<string>("--flops") { Description = "parts of the operations that are left, separated by commas (default: 0.75,0.5,0.25)" };
        var perBlock = new Option<string>("--r") { Description = "in their place: numbers of tokens that leave in every block" };
        var keep = new Option<string>("--keep") { Description = "in their place: ratios of tokens that every block keeps" };
        var head = new Option<string>("--head") { Description = "FILE or FILE:NAME: the classifier NAME.weight, NAME.bias of a safetensors file, in place of the model's own" };
        var labels = new Option<string>("--labels") { Description = "classes for CLIP, separated by commas" };
        var template = new Option<string>("--template") { Description = "for CLIP: the sentence around a label", DefaultValueFactory = _ => "This is a photo of {}." };
        var seed = new Option<ulong>("--seed") { Description = "where the random reducers begin" };
        var limit = new Option<int>("--limit") { Description = "take only so many pictures" };
        var csv = new Option<string>("--csv") { Description = "write the table there too" };
        var svg = new Option<string>("--svg") { Description = "draw the curves of accuracy over operations there" };
        var encoder = new EncoderArguments();
        var command = new Command("sweep", "Reducers of tokens side by side: accuracy, operations, images per second, memory, with intervals");
        model.AddTo(command);
        command.Add(inputs);
        foreach (Option option in (ReadOnlySpan<Option>)[reduce, flops, perBlock, keep, head, labels, template, seed, limit, csv, svg])
            command.Add(option);
        encoder.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            int batch = encoder.Batch(parsed);
            (string Name, string Text)[] given = [.. ((string, string?)[])[("flops", parsed.GetValue(flops)), ("r", parsed.GetValue(perBlock)), ("keep", parsed.GetValue(keep))] is var all ? all.Where(one => one.Item2 is not null).Select(one => (one.Item1, one.Item2!)) : []];
            if (given.Length > 1)
                throw new MerganserException("give one of --flops, --r and --keep");
            (string kind, string budgets) = given.Length == 1 ? given[0] : ("flops", "0.75,0.5,0.25");
            PretrainedModel loaded = PretrainedModel.Load(parsed.GetRequiredValue(model.Model), model.Options(parsed));
            try
            {
                VisionShape shape = ReductionArguments.Encoder(loaded).Shape;
                SweepPlan[] plans = [.. Split(parsed.GetValue(reduce)!).SelectMany(name => Split(budgets).Select(text =>
                {
                    double value = double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : throw new MerganserException($"--{kind} has '{text}', which is no number");
                    var budget = kind switch { "flops" => new ReductionBudget { Flops = value }, "r" => new ReductionBudget { PerBlock = value }, _ => new ReductionBudget { Keep = value } };
                    return new SweepPlan(name, ReducerRegistry.Create(name, budget, shape, new ReducerOptions(ReductionSchedule.None) { Seed = parsed.GetValue(seed) }), budget.Flops);
                }))];
                TokenReducer? current = null;
                Func<VisionInput> input = () => current?.Input(ReductionArguments.Encoder(loaded)) ?? new VisionInput();
                (Func<Tensor, Tensor> score, IReadOnlyList<string> names, ImageProcessor processor, IDisposable owner) = Classifier(loaded, parsed.GetValue(head), Split(parsed.GetValue(labels) ?? ""), parsed.GetValue(template)!, input);
                using (owner)
                {
                    var sweep = new ReductionSweep(shape, names.Count, plans, (pixels, reducer) =>
                    {
                        current = reducer;
                        return score(pixels);
                    });
                    Feed(sweep, ImageInput.Find(parsed.GetRequiredValue(inputs)), names, processor, batch, parsed.GetValue(limit), parsed.InvocationConfiguration.Error, cancellation);
                    IReadOnlyList<SweepRow> rows = sweep.Rows();
                    Print(parsed.InvocationConfiguration.Output, rows, sweep.Count);
                    Write(parsed.GetValue(csv), () => Csv(rows));
                    Write(parsed.GetValue(svg), () => TradeOffPlot.Draw($"{Path.GetFileName(Path.TrimEndingDirectorySeparator(parsed.GetRequiredValue(model.Model)))}: accuracy over operations", rows));
                }
            }
            finally
            {
                loaded.Dispose();
            }

            return Task.FromResult(0);
        });
        return command;
    }

    private static (Func<Tensor, Tensor> Score, IReadOnlyList<string> Names, ImageProcessor Processor, IDisposable Owner) Classifier(PretrainedModel loaded, string? head, string[] labels, string template, Func<VisionInput> input)
    {
        if (loaded is ClipModel clip)
        {
            if (labels.Length == 0)
                throw new MerganserException($"{loaded.Source}: CLIP has no classes of its own: give --labels cat,dog,…");
            var zeroShot = new ZeroShotClassifier(clip, ImageProcessor.Load(clip), Tokenizer.Load(loaded.Source!), labels, template) { Input = input };
            return (zeroShot.Score, zeroShot.Labels, zeroShot.Processor, zeroShot);
        }

        var images = new ImageClassifier((VisionModel)loaded, ImageProcessor.Load(loaded), head is null ? null : SeparateHead.Load(head), labels.Length > 0 ? labels : null) { Input = input };
        return (images.Score, images.Labels, images.Processor, images);
    }

    private static void Feed(ReductionSweep sweep, List<InputItem<Picture>> items, IReadOnlyList<string> names, ImageProcessor processor, int batch, int limit, TextWriter error, CancellationToken cancellation)
    {
        (InputItem<Picture> Item, int Label)[] known = LabelledPictures.Known(items, names, error);
        if (limit > 0 && limit < known.Length)
        {
            new Random(1).Shuffle(known);
            known = known[..limit];
        }

        foreach ((InputItem<Picture> Item, int Label)[] part in known.Chunk(batch))
        {
            cancellation.ThrowIfCancellationRequested();
            var read = new Picture[part.Length];
            InputItem.Read([.. part.Select(pair => pair.Item)], read);
            using Tensor pixels = processor.Process(read);
            sweep.Add(pixels, [.. part.Select(pair => pair.Label)]);
        }
    }

    private static void Print(TextWriter output, IReadOnlyList<SweepRow> rows, int count)
    {
        var table = new TextTable("reducer", "budget", "operations", "tokens", "accuracy", "95 %", "change", "95 %", "images/s", "speed-up", "ideal", "MiB");
        foreach (SweepRow row in rows)
        {
            table.Add(row.Reducer, row.Budget, $"{Percent(row.Part)}{(row.Missed ? "*" : "")}", row.Tokens.ToString(CultureInfo.InvariantCulture), Percent(row.Accuracy), Interval(row.AccuracyInterval),
                Change(row.Difference), Interval(row.DifferenceInterval), Text(row.Speed, row.Speed < 100 ? "F1" : "F0"), Text(row.SpeedUp, "F2"), Text(1 / row.Part, "F2"), row.PeakMemory is { } memory ? Text(memory, "F0") : "-");
        }

        table.Print(output, 2);
        output.WriteLine($"{count} images{(rows.Any(row => row.Missed) ? "; * the nearest that this reducer comes to the operations asked for" : "")}");
    }

    private static string Csv(IReadOnlyList<SweepRow> rows)
    {
        var text = new StringBuilder("reducer,budget,gflop,part,wanted,tokens,accuracy,accuracy_low,accuracy_high,difference,difference_low,difference_high,images_per_second,speed_up,peak_mib\n");
        foreach (SweepRow row in rows)
            text.Append(CultureInfo.InvariantCulture, $"{row.Reducer},\"{row.Budget}\",{row.Giga:R},{row.Part:R},{row.Wanted:R},{row.Tokens},{row.Accuracy:R},{row.AccuracyInterval.Low:R},{row.AccuracyInterval.High:R},{row.Difference:R},{row.DifferenceInterval.Low:R},{row.DifferenceInterval.High:R},{row.Speed:F2},{row.SpeedUp:F4},{row.PeakMemory:F1}\n");
        return text.ToString();
    }

    private static void Write(string? path, Func<string> text)
    {
        if (path is null)
            return;
        try
        {
            File.WriteAllText(path, text());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be written: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Percent(double value) => Text(value * 100, "F1");

    private static string Change(double value) => (value * 100).ToString("+0.0;-0.0;0.0", CultureInfo.InvariantCulture);

    private static string Interval((double Low, double High) interval) => $"{Percent(interval.Low)}…{Percent(interval.High)}";
}
