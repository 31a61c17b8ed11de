using System.CommandLine;
using Merganser.Neural;
using Merganser.Neural.Models;

namespace Merganser.Cli.Neural;

/// <summary>The options that all verbs with a model share.</summary>
internal sealed class ModelArguments
{
    public Argument<string> Model { get; } = new("model") { Description = "a Hugging Face model folder" };

    public Option<string> Device { get; } = new("--device") { Description = "cpu, cuda, cuda:N or mps", DefaultValueFactory = _ => "cpu" };

    public Option<string> DType { get; } = new("--dtype") { Description = "float32, bfloat16 or float16", DefaultValueFactory = _ => "float32" };

    public Option<int> Threads { get; } = new("--threads") { Description = "threads of one operation (default: all cores)" };

    public void AddTo(Command command)
    {
        command.Add(Model);
        command.Add(Device);
        command.Add(DType);
        command.Add(Threads);
    }

    /// <summary>Sets the threads and says where the model goes.</summary>
    public ModelOptions Options(ParseResult parsed)
    {
        int threads = parsed.GetValue(Threads);
        if (threads < 0)
            throw new MerganserException($"--threads is {threads}; it must be 0 (all cores) or a positive number");
        TorchRuntime.SetThreads(threads);
        return new ModelOptions { Device = TorchRuntime.ParseDevice(parsed.GetValue(Device)!), DType = TorchRuntime.ParseType(parsed.GetValue(DType)!) };
    }
}
