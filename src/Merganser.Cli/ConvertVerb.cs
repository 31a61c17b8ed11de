using System.CommandLine;
using System.Globalization;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Gguf;
using Merganser.Weights.Execution;

namespace Merganser.Cli;

/// <summary><c>convert</c>: another element type, other shards, or a GGUF file.</summary>
internal static class ConvertVerb
{
    public static Command Create()
    {
        var input = new Argument<string>("in") { Description = "a model folder, or a safetensors, PyTorch or GGUF file" };
        var output = new Argument<string>("out") { Description = "the folder to write, with --gguf the file" };
        var dtype = new Option<string?>("--dtype") { Description = "float32, float16, bfloat16, float64, float8_e4m3fn or float8_e5m2; without it types stay" };
        var shard = new Option<string>("--shard-size") { Description = "largest size of a file, such as 5GB or 2GiB; 0 for one file", DefaultValueFactory = _ => "5GB" };
        var gguf = new Option<string?>("--gguf") { Description = "write a GGUF file for llama.cpp: f32, f16 (default), bf16 or q8_0", Arity = ArgumentArity.ZeroOrOne };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace an existing output" };
        var command = new Command("convert", "Write a checkpoint in another element type, other shards, or as GGUF") { input, output, dtype, shard, gguf, overwrite };
        command.SetAction((parsed, cancellation) =>
        {
            string target = parsed.GetRequiredValue(output);
            bool replace = parsed.GetValue(overwrite);
            bool asGguf = parsed.GetResult(gguf) is { Implicit: false };
            if (asGguf && parsed.GetValue(dtype) is not null)
                throw new MerganserException("--dtype and --gguf exclude each other; --gguf takes the type");
            long shardBytes = ByteSize.Parse(parsed.GetRequiredValue(shard));
            DType? type = parsed.GetValue(dtype) is { } name ? ParseType(name) : null;
            GgufType ggufType = GgufTypes.Parse(parsed.GetValue(gguf) ?? "f16");

            using ModelFolder model = ModelFolder.Open(parsed.GetRequiredValue(input));
            var progress = new MergeProgress();
            TextWriter text = parsed.InvocationConfiguration.Output;
            TextWriter error = parsed.InvocationConfiguration.Error;
            using var display = new RunDisplay("convert", progress, error);
            IProgress<long> track = progress.Track("converting", model.Weights.Tensors.Count, model.Weights.Tensors.Values.Sum(tensor => tensor.Info.ByteCount));
            if (asGguf)
            {
                if (Directory.Exists(target))
                    throw new MerganserException($"{target}: is a folder; name the GGUF file");
                if (File.Exists(target) && !replace)
                    throw new MerganserException($"{target}: exists; choose another name or replace it with --overwrite");
                GgufExport export = GgufExporter.Export(model, target, ggufType, null, track, cancellation);
                foreach (string remark in export.Remarks)
                    error.WriteLine($"note: {remark}");
                text.WriteLine($"{target}: {export.Tensors} tensors, {ByteSize.Format(export.Bytes)}");
                return Task.FromResult(0);
            }

            ConversionReport report = CheckpointConverter.Convert(model, target, new ConversionOptions { DType = type, MaxShardBytes = shardBytes, Overwrite = replace, Progress = track, Cancellation = cancellation });
            if (report.Overflowed > 0)
                error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"warning: {report.Overflowed:N0} numbers are beyond the range of {type?.TorchName()} and became infinite or NaN"));
            text.WriteLine($"{target}: {report.Tensors} tensors in {report.Files} {(report.Files == 1 ? "file" : "files")}, {ByteSize.Format(report.Bytes)}");
            return Task.FromResult(0);
        });
        return command;
    }

    private static DType ParseType(string name) =>
        DTypes.TryParseTorch(name, out DType type) && type.IsFloat()
            ? type
            : throw new MerganserException($"--dtype: '{name}' is no floating-point type; choose float32, float16, bfloat16, float64, float8_e4m3fn or float8_e5m2");
}
