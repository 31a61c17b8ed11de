using System.CommandLine;
using Merganser.Neural.Decoding;

namespace Merganser.Cli.Neural;

/// <summary>How sequences are decoded on the processor.</summary>
internal sealed class DecodingArguments
{
    private const string Without = "off";

    private readonly Option<string> _format = new("--decode-dtype")
    {
        Description = "how the fast decoder for Llama-family models on the processor stores weights: auto (without loss: bf16 if they fit, else fp32), fp32, bf16, int8 (per row), off (tokens go through the model)",
        DefaultValueFactory = _ => "auto",
    };

    public void AddTo(Command command) => command.Add(_format);

    /// <summary>The options, or null where the decoder is not wanted.</summary>
    public DecoderOptions? Read(ParseResult parsed, ModelArguments model)
    {
        string format = parsed.GetValue(_format)!;
        if (format == Without)
            return null;
        try
        {
            return new DecoderOptions { Weights = DecoderOptions.ParseFormat(format), Threads = parsed.GetValue(model.Threads) };
        }
        catch (MerganserException)
        {
            throw new MerganserException($"--decode-dtype is '{format}'; it must be auto, fp32, bf16, int8 or {Without}");
        }
    }
}
