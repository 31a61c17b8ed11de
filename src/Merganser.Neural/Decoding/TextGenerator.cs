using System.Text;
using Merganser.Neural.Models;
using Merganser.Tokenizers;

namespace Merganser.Neural.Decoding;

/// <summary>A language model with its tokenizer: text in, text out, piece by piece.</summary>
public sealed class TextGenerator : IDisposable
{
    private readonly Generator _generator;

    /// <summary>Joins a model and a tokenizer; the model is disposed with this.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="decoder">How single sequences are decoded on the processor (<see cref="Generator"/>); null: by the model.</param>
    public TextGenerator(CausalLm model, Tokenizer tokenizer, DecoderOptions? decoder = null)
    {
        _generator = new Generator(model, decoder);
        Tokenizer = tokenizer;
    }

    /// <summary>The model.</summary>
    public CausalLm Model => _generator.Model;

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>Opens a folder with a model and its tokenizer. Models of the Llama family on the processor are decoded by <see cref="LlamaDecoder"/>, without loss.</summary>
    public static TextGenerator Load(string folder, ModelOptions? options = null) => Load(folder, options, new DecoderOptions());

    /// <summary>Opens a folder with a model and its tokenizer.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="options">How the model is loaded.</param>
    /// <param name="decoder">How single sequences are decoded on the processor; null: by the model.</param>
    /// <exception cref="MerganserException">The folder cannot be loaded, or its model cannot be decoded in the format wished for.</exception>
    public static TextGenerator Load(string folder, ModelOptions? options, DecoderOptions? decoder)
    {
        Tokenizer tokenizer = Tokenizer.Load(folder);
        CausalLm model = PretrainedModel.Load<CausalLm>(folder, options);
        try
        {
            return new TextGenerator(model, tokenizer, decoder);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Continues a text; pieces are handed out as they become certain, never half a character and never the beginning of a stop text.</summary>
    public IEnumerable<string> Stream(string prompt, GenerationOptions options, CancellationToken cancellation = default) =>
        Continue(Tokenizer.EncodeToIds(prompt), options, cancellation);

    /// <summary>Continues a prompt of token ids with text.</summary>
    public IEnumerable<string> Continue(IReadOnlyList<int> prompt, GenerationOptions options, CancellationToken cancellation = default) =>
        Decode(_generator.Stream(prompt, options, cancellation), options);

    /// <summary>Continues a text.</summary>
    public string Generate(string prompt, GenerationOptions options, CancellationToken cancellation = default) => string.Concat(Stream(prompt, options, cancellation));

    /// <inheritdoc/>
    public void Dispose()
    {
        _generator.Dispose();
        Model.Dispose();
    }

    internal IEnumerable<string> Decode(IEnumerable<int> ids, GenerationOptions options)
    {
        StreamingDecoder decoder = Tokenizer.CreateStreamingDecoder();
        var stop = new StopTexts(options.StopTexts);
        foreach (int id in ids)
        {
            string piece = stop.Add(decoder.Append(id));
            if (piece.Length > 0)
                yield return piece;
            if (stop.Found)
                yield break;
        }

        string rest = stop.Add(decoder.Flush()) + stop.Flush();
        if (rest.Length > 0)
            yield return rest;
    }

    /// <summary>Holds back what may be the beginning of a stop text.</summary>
    private sealed class StopTexts(IReadOnlyList<string> texts)
    {
        private readonly StringBuilder _held = new();

        public bool Found { get; private set; }

        public string Add(string piece)
        {
            if (Found)
                return "";
            if (texts.Count == 0)
                return piece;
            string text = _held.Append(piece).ToString();
            _held.Clear();
            int end = texts.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(place => place >= 0).DefaultIfEmpty(-1).Min();
            if (end >= 0)
            {
                Found = true;
                return text[..end];
            }

            int held = texts.Max(stop => BeginningAtEnd(text, stop));
            _held.Append(text, text.Length - held, held);
            return text[..^held];
        }

        public string Flush() => Found ? "" : _held.ToString();

        private static int BeginningAtEnd(string text, string stop)
        {
            for (int length = Math.Min(stop.Length - 1, text.Length); length > 0; length--)
            {
                if (text.EndsWith(stop[..length], StringComparison.Ordinal))
                    return length;
            }

            return 0;
        }
    }
}
