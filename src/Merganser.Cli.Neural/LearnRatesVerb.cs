using System.CommandLine;
using System.Globalization;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Classification;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens;
using Merganser.Neural.Tokens.Learning;
using static TorchSharp.torch;

namespace Merganser.Cli.Neural;

/// <summary><c>learn-rates</c>: DiffRate's numbers for a model and a target.</summary>
internal static class LearnRatesVerb
{
    private const int ReportEvery = 25;

    public static Command Create()
    {
        var model = new ModelArguments();
        var inputs = new Argument<string[]>("inputs") { Description = "folders with a folder of pictures per class, or of IDX files", Arity = ArgumentArity.OneOrMore };
        var flops = new Option<double>("--flops") { Description = "the part of the operations that is left", Required = true };
        var output = new Option<string>("--out", "-o") { Description = "the file of rates, JSON", DefaultValueFactory = _ => "rates.json" };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace the file if it exists" };
        var head = new Option<string>("--head") { Description = "FILE or FILE:NAME: the classifier NAME.weight, NAME.bias of a safetensors file, in place of the model's own" };
        var steps = new Option<int>("--steps") { Description = "batches", DefaultValueFactory = _ => 300 };
        var granularity = new Option<int>("--granularity") { Description = "the distance of the numbers to choose from", DefaultValueFactory = _ => 4 };
        var seed = new Option<int>("--seed") { Description = "the order of the pictures", DefaultValueFactory = _ => 1 };
        var encoder = new EncoderArguments();
        var command = new Command("learn-rates", "How many tokens each block drops and merges (DiffRate), learned on labelled pictures for a share of the operations");
        model.AddTo(command);
        command.Add(inputs);
        foreach (Option option in (ReadOnlySpan<Option>)[flops, output, overwrite, head, steps, granularity, seed])
            command.Add(option);
        encoder.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            int batch = encoder.Batch(parsed), count = Positive(parsed, steps), distance = Positive(parsed, granularity);
            string path = parsed.GetValue(output)!;
            if (File.Exists(path) && !parsed.GetValue(overwrite))
                throw new MerganserException($"{path}: exists; give --overwrite to replace it");
            using PretrainedModel loaded = PretrainedModel.Load(parsed.GetRequiredValue(model.Model), model.Options(parsed));
            if (loaded is not VisionModel vision)
                throw new MerganserException($"{loaded.Source}: rates are learned for ViT and DeiT with a classifier, not for {loaded.GetType().Name}");
            using SeparateHead? separate = parsed.GetValue(head) is { } file ? SeparateHead.Load(file) : null;
            string[] names = separate is null ? [.. vision.Labels] : [.. Enumerable.Range(0, separate.Classes).Select(number => number.ToString(CultureInfo.InvariantCulture))];
            if (names.Length == 0)
                throw new MerganserException($"{loaded.Source}: has no classifier; give --head FILE");
            TextWriter error = parsed.InvocationConfiguration.Error;
            (InputItem<Picture> Item, int Label)[] known = LabelledPictures.Known(ImageInput.Find(parsed.GetRequiredValue(inputs)), names, error);
            ImageProcessor processor = ImageProcessor.Load(loaded);
            var random = new Random(parsed.GetValue(seed));
            int next = 0;
            random.Shuffle(known);
            (Tensor Pixels, Tensor Labels) Batch(int step)
            {
                if (next + Math.Min(batch, known.Length) > known.Length)
                {
                    random.Shuffle(known);
                    next = 0;
                }

                (InputItem<Picture> Item, int Label)[] part = known[next..(next + Math.Min(batch, known.Length))];
                next += part.Length;
                var read = new Picture[part.Length];
                InputItem.Read([.. part.Select(pair => pair.Item)], read);
                return (processor.Process(read).to(loaded.DType, loaded.Device), tensor([.. part.Select(pair => (long)pair.Label)], device: loaded.Device));
            }

            using var training = new DiffRateTraining(vision, distance, head: separate is null ? null : (result => separate.Scores(result.LastHidden!.select(1, 0)), separate.Classes));
            double whole = training.Reach().Whole;
            TokenRates rates = RateLearner.Learn(training, new RateLearning { Part = parsed.GetValue(flops), Steps = count }, Batch, (step, entropy, operations) =>
            {
                if ((step + 1) % ReportEvery == 0 || step + 1 == count)
                    error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{step + 1} of {count}: cross-entropy {entropy:F4}, {operations / whole:P1} of the operations"));
            }, cancellation);
            var reducer = new DiffRate { Rates = rates };
            double part = FlopCount.PerImage(vision.Encoder.Shape, reducer, names.Length) / FlopCount.PerImage(vision.Encoder.Shape, null, names.Length);
            try
            {
                File.WriteAllText(path, rates.ToJson(Path.GetFileName(Path.TrimEndingDirectorySeparator(loaded.Source ?? "model")), parsed.GetValue(flops).ToString(CultureInfo.InvariantCulture)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new MerganserException($"{path}: cannot be written: {e.Message.ReplaceLineEndings(" ")}", e);
            }

            TextWriter console = parsed.InvocationConfiguration.Output;
            console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{path}: {part:P1} of the operations"));
            console.WriteLine($"after dropping {string.Join(", ", rates.AfterPruning)}");
            console.WriteLine($"after merging  {string.Join(", ", rates.AfterMerging)}");
            return Task.FromResult(0);
        });
        return command;
    }

    private static int Positive(ParseResult parsed, Option<int> option) => parsed.GetValue(option) is var value and > 0 ? value : throw new MerganserException($"{option.Name} is {parsed.GetValue(option)}; it must be 1 or more");
}
