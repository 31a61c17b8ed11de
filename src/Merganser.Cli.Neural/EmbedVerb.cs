using System.CommandLine;
using System.Diagnostics;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Embeddings;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens;

namespace Merganser.Cli.Neural;

/// <summary><c>embed</c>: vectors of texts or pictures.</summary>
internal static class EmbedVerb
{
    private const int TextsAtOnce = 4096;
    private static readonly string[] TextEndings = [".txt", ".tsv", ".jsonl", ".gz"];

    private static readonly Dictionary<string, Pooling> Poolings = new(StringComparer.Ordinal)
    {
        ["mean"] = Pooling.Mean,
        ["cls"] = Pooling.Cls,
        ["last"] = Pooling.Last,
        ["max"] = Pooling.Max,
        ["pooler"] = Pooling.Pooler,
    };

    public static Command Create()
    {
        var model = new ModelArguments();
        var inputs = new Argument<string[]>("inputs")
        {
            Description = "files with a text a line, .tsv (label, tab, text), .jsonl; pictures or folders of them; none: lines of standard input; - for a picture model: a picture",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var text = new Option<string[]>("--text") { Description = "a text itself; may be given several times" };
        var pooling = new Option<string>("--pooling") { Description = $"{string.Join(", ", Poolings.Keys)} (default: as the folder says, else what fits the architecture)" };
        var normalize = new Option<bool?>("--normalize") { Description = "vectors of length 1 (default: as the folder says)" };
        var prompt = new Option<string>("--prompt") { Description = "stands before every text, e.g. \"query: \"" };
        var promptName = new Option<string>("--prompt-name") { Description = "the name of one of the folder's prompts" };
        var tokens = new Option<int?>("--max-tokens") { Description = "longer texts are cut (default: as the folder says)" };
        var dimensions = new Option<int?>("--dimensions") { Description = "keep only so many leading values of a vector" };
        var reduction = new ReductionArguments();
        var encoder = new EncoderArguments();
        var output = new EmbeddingOutput();
        var command = new Command("embed", "Vectors of texts or pictures, for search, clustering and comparison");
        model.AddTo(command);
        command.Add(inputs);
        foreach (Option option in (ReadOnlySpan<Option>)[text, pooling, normalize, prompt, promptName, tokens, dimensions])
            command.Add(option);
        reduction.AddTo(command);
        encoder.AddTo(command);
        output.AddTo(command);
        command.SetAction((parsed, cancellation) =>
        {
            string[] paths = parsed.GetValue(inputs) ?? [], literal = parsed.GetValue(text) ?? [];
            int batch = encoder.Batch(parsed);
            output.Check(parsed);
            var options = new EmbeddingOptions
            {
                Pooling = parsed.GetValue(pooling) is not { } name ? null : Poolings.TryGetValue(name, out Pooling mode) ? mode
                    : throw new MerganserException($"--pooling is '{name}'; it must be one of {string.Join(", ", Poolings.Keys)}"),
                Normalize = parsed.GetValue(normalize),
                Prompt = parsed.GetValue(prompt),
                PromptName = parsed.GetValue(promptName),
                MaxTokens = Positive(parsed.GetValue(tokens), "--max-tokens"),
                Dimensions = Positive(parsed.GetValue(dimensions), "--dimensions"),
                Batch = batch,
            };
            SentenceModules modules = SentenceModules.Read(parsed.GetRequiredValue(model.Model));
            PretrainedModel loaded = PretrainedModel.Load(modules.Model, model.Options(parsed));
            try
            {
                bool pictures = loaded is VisionModel || (loaded is ClipModel && literal.Length == 0 && paths.Length > 0 && !paths.Any(path => TextEndings.Contains(Path.GetExtension(path).ToLowerInvariant())));
                if (pictures && literal.Length > 0)
                    throw new MerganserException($"{modules.Model}: is a model of images; --text is for models of texts");
                TokenReducer? reducer = reduction.Reducer(parsed, loaded);
                if (reducer is not null && !pictures)
                    throw new MerganserException($"{modules.Model}: --reduce is for pictures; these inputs are texts");
                if (pictures)
                    Run(ImageEmbedder.Load(loaded, options, reducer is null ? null : () => reducer.Input(ReductionArguments.Encoder(loaded))), ImageInput.Find(paths), "images", batch);
                else
                    Run(TextEmbedder.Load(loaded, modules, options), TextItems.Find(paths, literal), "texts", Math.Max(batch, TextsAtOnce));
                ReductionArguments.Report(parsed.InvocationConfiguration.Error, loaded, reducer);
            }
            finally
            {
                loaded.Dispose();
            }

            return Task.FromResult(0);

            void Run<T>(Embedder<T> embedder, List<InputItem<T>> items, string unit, int atOnce)
            {
                using Embedder<T> owned = embedder;
                var clock = new Stopwatch();
                string poolings = string.Join("+", embedder.Poolings).ToLowerInvariant();
                var metadata = new Dictionary<string, string> { ["model"] = parsed.GetRequiredValue(model.Model), ["pooling"] = poolings, ["normalized"] = embedder.Normalizes ? "true" : "false" };
                output.Print(parsed, items.Count, metadata, writer =>
                {
                    foreach (InputItem<T>[] part in items.Chunk(atOnce))
                    {
                        cancellation.ThrowIfCancellationRequested();
                        clock.Start();
                        var read = new T[part.Length];
                        InputItem.Read(part, read);
                        float[][] rows = embedder.Embed(read);
                        clock.Stop();
                        for (int i = 0; i < rows.Length; i++)
                            writer.Write(part[i].Name, part[i].Label, rows[i]);
                    }
                });
                EncoderArguments.Report(parsed.InvocationConfiguration.Error, items.Count, unit, clock);
            }
        });
        return command;
    }

    private static int? Positive(int? value, string option) => value < 1 ? throw new MerganserException($"{option} is {value}; it must be at least 1") : value;
}
