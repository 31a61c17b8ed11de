using System.CommandLine;
using Merganser.Neural.Decoding;

namespace Merganser.Cli.Neural;

/// <summary>The options of generation; what is left out is as the model's folder recommends.</summary>
internal sealed class SamplingArguments
{
    private readonly Option<int?> _maxNewTokens = new("--max-new-tokens", "-n") { Description = "at most this many new tokens (default 256)" };
    private readonly Option<double?> _temperature = new("--temperature", "-t") { Description = "0 takes the most probable token" };
    private readonly Option<int?> _topK = new("--top-k") { Description = "only this many most probable tokens; 0: all" };
    private readonly Option<double?> _topP = new("--top-p") { Description = "only the most probable tokens of this total probability" };
    private readonly Option<double?> _minP = new("--min-p") { Description = "only tokens with this share of the greatest probability" };
    private readonly Option<double?> _penalty = new("--repetition-penalty") { Description = "more than 1 makes repetition rarer" };
    private readonly Option<ulong> _seed = new("--seed") { Description = "the same seed draws the same tokens" };
    private readonly Option<string[]> _stop = new("--stop") { Description = "a text that ends the output; may be given several times" };

    public void AddTo(Command command)
    {
        foreach (Option option in (ReadOnlySpan<Option>)[_maxNewTokens, _temperature, _topK, _topP, _minP, _penalty, _seed, _stop])
            command.Add(option);
    }

    public GenerationOptions Read(ParseResult parsed, GenerationOptions recommended) => (recommended with
    {
        MaxNewTokens = parsed.GetValue(_maxNewTokens) ?? recommended.MaxNewTokens,
        Temperature = parsed.GetValue(_temperature) ?? recommended.Temperature,
        TopK = parsed.GetValue(_topK) ?? recommended.TopK,
        TopP = parsed.GetValue(_topP) ?? recommended.TopP,
        MinP = parsed.GetValue(_minP) ?? recommended.MinP,
        RepetitionPenalty = parsed.GetValue(_penalty) ?? recommended.RepetitionPenalty,
        Seed = parsed.GetValue(_seed),
        StopTexts = [.. (parsed.GetValue(_stop) ?? []).Where(text => text.Length > 0)],
    }).Validate();
}
