using System.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace Merganser.Cli.Neural;

/// <summary>How an encoder is run by the verbs that only read: the size of batches, the line on throughput.</summary>
internal sealed class EncoderArguments
{
    private readonly Option<int> _batch = new("--batch", "-b") { Description = "items that go through the model together", DefaultValueFactory = _ => 32 };

    public void AddTo(Command command) => command.Add(_batch);

    public int Batch(ParseResult parsed) => parsed.GetValue(_batch) is var batch and >= 1 and <= 65536
        ? batch
        : throw new MerganserException($"--batch is {parsed.GetValue(_batch)}; it must be from 1 to 65536");

    /// <summary>The line on what it took.</summary>
    public static void Report(TextWriter error, long items, string unit, Stopwatch clock) =>
        error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{items:N0} {unit} in {clock.Elapsed.TotalSeconds:F2} s, {items / Math.Max(clock.Elapsed.TotalSeconds, 1e-9):N1} {unit}/s"));
}
