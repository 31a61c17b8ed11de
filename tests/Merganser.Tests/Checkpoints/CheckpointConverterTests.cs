using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Tests.Checkpoints;

public sealed class CheckpointConverterTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static ModelFolder Open(string name) => ModelFolder.Open(Golden.Folder("weights", "models", name));

    [Fact]
    public void Numbers_are_rounded_and_integers_copied()
    {
        using ModelFolder model = Open("bert-b-legacy-names");
        ConversionReport report = CheckpointConverter.Convert(model, _folder["out"], new ConversionOptions { DType = DType.F16 });
        using ModelFolder converted = ModelFolder.Open(_folder["out"]);
        Assert.Equal(model.Weights.Tensors.Count, report.Tensors);
        Assert.Equal(0, report.Overflowed);
        foreach (TensorSource source in model.Weights.Tensors.Values)
        {
            TensorSource target = converted.Weights.Tensors[source.Info.Name];
            if (source.Info.DType == DType.I64)
                Assert.Equal(source.ReadBytes(), target.ReadBytes());
            else
                Assert.Equal(source.ReadSingles().Select(value => (float)(Half)value), target.ReadSingles());
        }

        Assert.Equal("float16", converted.GetConfigString("torch_dtype") ?? converted.GetConfigString("dtype"));
    }

    [Fact]
    public void Shards_hold_the_same_bytes_and_everything_else_comes_along()
    {
        using ModelFolder model = Open("tok-a");
        ConversionReport report = CheckpointConverter.Convert(model, _folder["out"], new ConversionOptions { MaxShardBytes = 4000 });
        Assert.True(report.Files > 2);
        using ModelFolder converted = ModelFolder.Open(_folder["out"]);
        Assert.Equal(report.Files, converted.Weights.Files.Count);
        Assert.All(model.Weights.Tensors.Values, tensor => Assert.Equal(tensor.ReadBytes(), converted.Weights.Tensors[tensor.Info.Name].ReadBytes()));
        foreach (string name in new[] { "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "config.json" })
            Assert.Equal(File.ReadAllBytes(Path.Join(model.Path, name)), File.ReadAllBytes(Path.Join(_folder["out"], name)));
    }

    [Fact]
    public void Numbers_beyond_the_range_are_counted()
    {
        SafetensorsFile.Write(_folder["in.safetensors"], [(new TensorInfo("w", DType.F32, [4]), TensorSources.ToBytes([1f, 1e9f, float.NaN, -1e9f]))]);
        using ModelFolder model = ModelFolder.Open(_folder["in.safetensors"]);
        Assert.Equal(2, CheckpointConverter.Convert(model, _folder["out"], new ConversionOptions { DType = DType.F16 }).Overflowed);
    }

    [Fact]
    public void An_existing_folder_is_replaced_only_when_asked()
    {
        Directory.CreateDirectory(_folder["out"]);
        File.WriteAllText(Path.Join(_folder["out"], "precious.txt"), "x");
        using ModelFolder model = Open("tok-a");
        Assert.Throws<MerganserException>(() => CheckpointConverter.Convert(model, _folder["out"], new ConversionOptions()));
        Assert.True(File.Exists(Path.Join(_folder["out"], "precious.txt")));
        CheckpointConverter.Convert(model, _folder["out"], new ConversionOptions { Overwrite = true });
        Assert.False(File.Exists(Path.Join(_folder["out"], "precious.txt")));
    }

    [Fact]
    public void The_input_itself_is_no_output()
    {
        using ModelFolder model = Open("tok-a");
        Assert.Throws<MerganserException>(() => CheckpointConverter.Convert(model, model.Path + "/", new ConversionOptions { Overwrite = true }));
        Assert.Throws<ArgumentException>(() => CheckpointConverter.Convert(model, _folder["out"], new ConversionOptions { DType = DType.I32 }));
    }

    [Fact]
    public void A_shard_that_vanishes_leaves_nothing_that_looks_finished()
    {
        TensorSource broken = new FailingTensor();
        using var model = new ModelFolder(_folder["in"], [], new Checkpoint("in", [broken], []));
        Assert.Throws<MerganserException>(() => CheckpointConverter.Convert(model, _folder["out"], new ConversionOptions()));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_folder_without_config_json_has_an_empty_configuration()
    {
        SafetensorsFile.Write(_folder["model.safetensors"], [(new TensorInfo("w", DType.F32, [1]), new byte[4])]);
        using ModelFolder model = ModelFolder.Open(_folder.Path);
        Assert.Empty(model.Config);
        Assert.Null(model.ArchitectureName);
        Assert.Null(model.GetConfigInt("a.b.c"));
    }

    [Theory]
    [InlineData("""{"num_hidden_layers": -1}""")]
    [InlineData("""{"num_hidden_layers": 1.5}""")]
    [InlineData("""{"num_hidden_layers": "3"}""")]
    [InlineData("""{"num_hidden_layers": 99999999999}""")]
    public void Numbers_that_are_no_counts_are_refused(string config)
    {
        using var model = new ModelFolder("m", JsonNode.Parse(config)!.AsObject(), new Checkpoint("m", [], []));
        Assert.Contains("num_hidden_layers", Assert.Throws<MerganserException>(() => model.GetConfigInt("num_hidden_layers")).Message);
    }

    [Fact]
    public void A_configuration_of_17_megabytes_is_refused()
    {
        File.WriteAllText(_folder["config.json"], "{\"a\": \"" + new string('x', 17 << 20) + "\"}");
        SafetensorsFile.Write(_folder["model.safetensors"], [(new TensorInfo("w", DType.F32, [1]), new byte[4])]);
        Assert.Contains("config.json", Assert.Throws<MerganserException>(() => ModelFolder.Open(_folder.Path)).Message);
    }

    private sealed class FailingTensor : TensorSource
    {
        public override TensorInfo Info { get; } = new("w", DType.F32, [8]);

        public override string Origin => "in";

        public override void Read(long byteOffset, Span<byte> destination) => throw new MerganserException("in: ends early");
    }
}
