using System.CommandLine;
using System.Diagnostics;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Classification;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens;
using Merganser.Tokenizers;

namespace Merganser.Cli.Neural;

/// <summary><c>classify</c>: the classes of pictures or texts.</summary>
internal static class ClassifyVerb
{
    public static Command Create()
    {
        var model = new ModelArguments();
        var inputs = new Argument<string[]>("inputs")
        {
            Description = "pictures, folders of pictures (with a folder per class: accuracy too), folders of IDX files, - for a picture on standard input; for models of texts files with a text a line, .tsv (label, tab, text) or .jsonl; none or -: lines of standard input",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var text = new Option<string[]>("--text") { Description = "a text itself; may be given several times" };
        var labels = new Option<string[]>("--labels") { Description = "classes for CLIP, or names for those of --head; separated by commas" };
        var head = new Option<string>("--head") { Description = "FILE or FILE:NAME: the classifier NAME.weight, NAME.bias of a safetensors file, in place of the model's own" };
        var template = new Option<string>("--template") { Description = "for CLIP: the sentence around a label", DefaultValueFactory = _ => "This is a photo of {}." };
        var reduction = new ReductionArguments();
        var encoder = new EncoderArguments();
        var output = new ClassificationOutput();
        var command = new Command("classify", "The most probable classes of pictures or texts, and accuracy where the classes are known");
        model.AddTo(command);
        command.Add(inputs);
        foreach (Option option in (ReadOnlySpan<Option>)[text, labels, template, head])
            command.Add(option);
        reduction.AddTo(command);
        encoder.AddTo(command);
        output.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            string folder = parsed.GetRequiredValue(model.Model);
            string[] paths = parsed.GetValue(inputs) ?? [], literal = parsed.GetValue(text) ?? [], names = Split(parsed.GetValue(labels) ?? []);
            int batch = encoder.Batch(parsed);
            output.Check(parsed);
            PretrainedModel loaded = PretrainedModel.Load(folder, model.Options(parsed));
            try
            {
                string? headFile = parsed.GetValue(head);
                if (headFile is not null && loaded is not VisionModel)
                    throw new MerganserException($"{folder}: --head is for vision models with a class token, not for {loaded.GetType().Name}");
                if (names.Length == 0 && loaded is ClipModel)
                    throw new MerganserException($"{folder}: CLIP has no classes of its own: give --labels cat,dog,…");
                if (names.Length > 0 && loaded is not ClipModel && headFile is null)
                    throw new MerganserException($"{folder}: has classes of its own; --labels are for CLIP and for --head");
                if (literal.Length > 0 && loaded is not EncoderModel)
                    throw new MerganserException($"{folder}: is a model of images; --text is for models of texts");
                TokenReducer? reducer = reduction.Reducer(parsed, loaded);
                Func<VisionInput>? input = reducer is null ? null : () => reducer.Input(ReductionArguments.Encoder(loaded));
                switch (loaded)
                {
                    case ClipModel clip:
                        using (var zeroShot = new ZeroShotClassifier(clip, ImageProcessor.Load(clip), Tokenizer.Load(loaded.Source!), names, parsed.GetValue(template)!) { Batch = batch, Input = input })
                            Run(zeroShot, ImageInput.Find(paths), "images");
                        break;
                    case VisionModel vision:
                        using (var images = new ImageClassifier(vision, ImageProcessor.Load(vision), headFile is null ? null : SeparateHead.Load(headFile), names.Length > 0 ? names : null) { Batch = batch, Input = input })
                            Run(images, ImageInput.Find(paths), "images");
                        break;
                    case BertModel bert:
                        using (var texts = new TextClassifier(bert, Tokenizer.Load(loaded.Source!)) { Batch = batch })
                            Run(texts, TextItems.Find(paths, literal), "texts");
                        break;
                    default:
                        throw new MerganserException($"{folder}: {loaded.GetType().Name} does not classify; ViT, DeiT, SigLIP, BERT, RoBERTa and XLM-R with a classifier do, and CLIP with --labels");
                }

                ReductionArguments.Report(parsed.InvocationConfiguration.Error, loaded, reducer);
            }
            finally
            {
                loaded.Dispose();
            }

            return Task.FromResult(0);

            void Run<T>(Classifier<T> classifier, List<InputItem<T>> items, string unit)
            {
                var clock = new Stopwatch();
                var results = new List<float[]>(items.Count);
                // Many batches at once, so that texts of like length meet, and few enough to hold the pictures.
                foreach (InputItem<T>[] part in items.Chunk(Math.Max(batch, typeof(T) == typeof(string) ? 4096 : batch)))
                {
                    cancellation.ThrowIfCancellationRequested();
                    clock.Start();
                    var read = new T[part.Length];
                    InputItem.Read(part, read);
                    results.AddRange(classifier.Classify(read));
                    clock.Stop();
                }

                output.Print(parsed, classifier.Labels, items, results);
                EncoderArguments.Report(parsed.InvocationConfiguration.Error, items.Count, unit, clock);
            }
        });
        return command;
    }

    private static string[] Split(string[] given) => [.. given.SelectMany(part => part.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];
}
