using Merganser.Checkpoints;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Methods;

namespace Merganser.Tests.Weights.Execution;

public sealed class MergeExecutorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static bool IsUnix => !OperatingSystem.IsWindows();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_mean_of_two_models_is_stored_in_the_type_asked_for()
    {
        using MergePlan plan = Plan(DType.BF16);
        MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions { Verify = true });

        using Checkpoint merged = CheckpointReader.Open(_folder["out"]);
        Assert.Equal(plan.Jobs.Count, merged.Tensors.Count);
        foreach (TensorJob job in plan.Jobs)
        {
            float[] a = Read(job.Inputs[0]);
            float[] b = Read(job.Inputs[1]);
            float[] found = Read(merged.Tensors[job.Output.Name]);
            Assert.Equal(DType.BF16, merged.Tensors[job.Output.Name].Info.DType);
            Assert.All(found.Zip(a.Zip(b)), value => Assert.Equal(Rounding.BFloat16.Apply((value.Second.First + value.Second.Second) / 2), value.First));
        }

        Assert.False(File.Exists(_folder["out", RunJournal.FileName]));
        Assert.False(Directory.Exists(_folder["out.partial"]));
    }

    [Theory]
    [InlineData(1, 4 << 10)]
    [InlineData(2, 64 << 10)]
    [InlineData(5, 256 << 10)]
    public void Threads_and_chunks_do_not_change_a_byte(int threads, int chunk)
    {
        using MergePlan plan = Plan(DType.F32);
        MergeExecutor.Run(plan, _folder["reference"], new MergeRunOptions { Threads = 1 });
        MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions { Threads = threads, ChunkBytes = chunk });
        Assert.Equal(File.ReadAllBytes(_folder["reference", "model.safetensors"]), File.ReadAllBytes(_folder["out", "model.safetensors"]));
    }

    [Fact]
    public void A_folder_that_exists_is_replaced_only_when_asked()
    {
        Directory.CreateDirectory(_folder["out"]);
        File.WriteAllText(_folder["out", "precious.txt"], "keep me");
        using MergePlan plan = Plan(DType.F32);

        MerganserException e = Assert.Throws<MerganserException>(() => MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions()));
        Assert.Contains("--overwrite", e.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(_folder["out", "precious.txt"]));

        MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions { Overwrite = true });
        Assert.True(File.Exists(_folder["out", "model.safetensors"]));
        Assert.False(File.Exists(_folder["out", "precious.txt"]));
    }

    [Fact]
    public void An_input_is_never_the_output()
    {
        using MergePlan plan = Plan(DType.F32);
        MerganserException e = Assert.Throws<MerganserException>(() => MergeExecutor.Run(plan, _folder["a"], new MergeRunOptions { Overwrite = true }));
        Assert.Contains("input", e.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(_folder["a", "model.safetensors"]));
    }

    [Fact]
    public void Nan_in_an_input_stops_the_run_and_leaves_nothing()
    {
        using MergePlan plan = Plan(DType.F32, (name, values) => values[^1] = name == "model.norm.weight" ? float.NaN : values[^1]);
        MerganserException e = Assert.Throws<MerganserException>(() => MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions()));
        Assert.Contains("'model.norm.weight' holds NaN or infinity at element 63", e.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["out"]));
        Assert.False(Directory.Exists(_folder["out.partial"]));

        var warnings = new List<string>();
        MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions { AllowNonFinite = true, Warn = warnings.Add });
        Assert.Single(warnings);
    }

    [Fact]
    public void A_cancelled_run_is_resumed_to_the_same_bytes()
    {
        using MergePlan plan = Plan(DType.F32);
        MergeExecutor.Run(plan, _folder["reference"], new MergeRunOptions());

        using var cancel = new CancellationTokenSource();
        using MergePlan interrupted = Plan(DType.F32);
        var progress = new MergeProgress();
        var stopping = interrupted.Jobs.Select((job, index) => index < 6 ? job : job with { Inputs = [new CancellingSource(job.Inputs[0], cancel), job.Inputs[1]] }).ToList();
        using (var partial = new MergePlan { Jobs = stopping, Fingerprint = plan.Fingerprint })
        {
            Assert.Throws<OperationCanceledException>(() => MergeExecutor.Run(
                partial, _folder["out"], new MergeRunOptions { Threads = 1, Cancellation = cancel.Token, Progress = progress }));
        }

        Assert.False(Directory.Exists(_folder["out"]));
        Assert.True(Directory.Exists(_folder["out.partial"]));
        MergeReport report = MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions { Resume = true });
        Assert.Equal(progress.BytesStored, report.Resumed);
        Assert.True(report.Resumed > 0);
        Assert.Equal(File.ReadAllBytes(_folder["reference", "model.safetensors"]), File.ReadAllBytes(_folder["out", "model.safetensors"]));
    }

    [Fact]
    public void Bytes_that_a_power_failure_lost_are_computed_again()
    {
        using MergePlan plan = Plan(DType.F32);
        MergeExecutor.Run(plan, _folder["reference"], new MergeRunOptions());
        byte[] whole = File.ReadAllBytes(_folder["reference", "model.safetensors"]);

        // A journal that claims a unit whose bytes are zeros on the disk.
        Directory.CreateDirectory(_folder["out.partial"]);
        using (RunJournal journal = RunJournal.Open(_folder["out.partial"], $"{plan.Fingerprint} shards {new MergeRunOptions().ShardBytes}"))
            journal.Add(0, 12345);
        MergeReport report = MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions { Resume = true });
        Assert.Equal(0, report.Resumed);
        Assert.Equal(whole, File.ReadAllBytes(_folder["out", "model.safetensors"]));
    }

    [Fact(Skip = "needs the truncate program", SkipUnless = nameof(IsUnix))]
    public void A_file_that_shrinks_while_it_is_read_is_named()
    {
        using MergePlan plan = Plan(DType.F32);
        // Another program: this process holds the file open and would refuse itself.
        using (var truncate = System.Diagnostics.Process.Start("truncate", ["-s", "5000", _folder["b", "model.safetensors"]]))
            truncate.WaitForExit();
        MerganserException e = Assert.Throws<MerganserException>(() => MergeExecutor.Run(plan, _folder["out"], new MergeRunOptions()));
        Assert.Contains(_folder["b", "model.safetensors"], e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
        Assert.False(Directory.Exists(_folder["out"]));
    }

    private MergePlan Plan(DType stored, Action<string, float[]>? edit = null)
    {
        if (!Directory.Exists(_folder["a"]))
        {
            SyntheticModel.Write(_folder["a"], 1);
            SyntheticModel.Write(_folder["b"], 2, edit: edit);
        }

        Checkpoint a = CheckpointReader.Open(_folder["a"]);
        Checkpoint b = CheckpointReader.Open(_folder["b"]);
        var parameters = new ParameterSet().Set("weight", 1, 0).Set("weight", 1, 1);
        return new MergePlan
        {
            Fingerprint = "test",
            Inputs = [a, b],
            Jobs =
            [
                .. a.Tensors.Values.Select(source => new TensorJob(source.Info with { DType = stored }, [source, b.Tensors[source.Info.Name]])
                {
                    Method = new Linear(),
                    Context = new TensorContext { Name = source.Info.Name, Shape = source.Info.Shape, Models = ["a", "b"], HasBase = false, Parameters = parameters },
                }),
            ],
        };
    }

    private static float[] Read(TensorSource source)
    {
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        float[] values = new float[source.Info.ElementCount];
        TensorCast.ToSingle(bytes, source.Info.DType, values);
        return values;
    }

    /// <summary>Cancels the run when it is read.</summary>
    private sealed class CancellingSource(TensorSource inner, CancellationTokenSource cancel) : TensorSource
    {
        public override TensorInfo Info => inner.Info;

        public override string Origin => inner.Origin;

        public override void Read(long byteOffset, Span<byte> destination)
        {
            cancel.Cancel();
            cancel.Token.ThrowIfCancellationRequested();
        }
    }
}
