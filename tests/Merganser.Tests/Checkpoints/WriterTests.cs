using System.Collections.Immutable;
using System.Text.Json.Nodes;
using CsCheck;
using Merganser.Checkpoints;

namespace Merganser.Tests.Checkpoints;

public sealed class WriterTests
{
    [Fact]
    public void Any_layout_is_aligned_without_holes_and_within_the_shard_size() =>
        Gen.Select(Gen.Enum<DType>(), Gen.Long[0, 40].Array[0, 3]).Array[0, 30].Select(Gen.Long[-1, 300]).Sample((drawn, limit) =>
        {
            TensorInfo[] tensors = [.. drawn.Select((pair, i) => new TensorInfo($"t{i}", pair.Item1, [.. pair.Item2]))];
            ShardLayout layout = ShardLayout.Create(tensors, limit);
            Assert.Equal(tensors.Sum(tensor => tensor.ByteCount), layout.TotalBytes);
            Assert.Equal(Enumerable.Range(0, tensors.Length), layout.Files.SelectMany(file => file.Tensors).Order());
            foreach (ShardFile file in layout.Files)
            {
                Assert.Equal(0, file.Header.Length % 8);
                long end = file.Header.Length;
                foreach (int index in file.Tensors)
                {
                    Assert.Equal(end, layout.Place(index).Offset);
                    Assert.Equal(0, end % tensors[index].DType.Size());
                    end += tensors[index].ByteCount;
                }

                Assert.Equal(file.Length, end);
                Assert.True(limit <= 0 || file.Tensors.Length == 1 || end - file.Header.Length <= limit);
            }
        });

    [Fact]
    public void Shards_are_named_and_indexed_as_loaders_expect()
    {
        using var folder = new TempFolder();
        (TensorInfo Info, byte[] Bytes)[] tensors = [.. Enumerable.Range(0, 5).Select(i => ReaderTests.Make($"t{i}", i % 2 == 0 ? DType.BF16 : DType.F32, 10 + i))];
        ShardLayout layout = ShardLayout.Create([.. tensors.Select(tensor => tensor.Info)], 80);
        using (CheckpointWriter writer = CheckpointWriter.Create(folder["out"], layout, resume: false))
        {
            Parallel.For(0, tensors.Length, i =>
            {
                writer.Write(i, 6, tensors[i].Bytes.AsSpan(6));
                writer.Write(i, 0, tensors[i].Bytes.AsSpan(0, 6));
            });
            writer.Complete(sync: true);
        }

        Assert.Equal(
            ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", "model.safetensors.index.json"],
            Directory.GetFiles(folder["out"]).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
        JsonNode index = JsonNode.Parse(File.ReadAllBytes(Path.Join(folder["out"], "model.safetensors.index.json")))!;
        Assert.Equal(layout.TotalBytes, (long)index["metadata"]!["total_size"]!);
        Assert.Equal("model-00001-of-00003.safetensors", (string)index["weight_map"]!["t0"]!);

        using Checkpoint checkpoint = CheckpointReader.Open(folder["out"]);
        Assert.Equal("pt", checkpoint.Metadata["format"]);
        foreach ((TensorInfo info, byte[] bytes) in tensors)
            Assert.Equal(bytes, checkpoint.Tensors[info.Name].ReadBytes());
    }

    [Fact]
    public void A_write_larger_than_one_piece_arrives_whole()
    {
        using var folder = new TempFolder();
        (TensorInfo info, byte[] bytes) = ReaderTests.Make("a", DType.U8, 1_700_001);
        using (CheckpointWriter writer = CheckpointWriter.Create(folder.Path, ShardLayout.Create([info], 0), resume: false))
        {
            writer.Write(0, 0, bytes);
            writer.Complete(sync: true);
        }

        using Checkpoint checkpoint = CheckpointReader.Open(folder["model.safetensors"]);
        Assert.Equal(bytes, checkpoint.Tensors["a"].ReadBytes());
    }

    [Fact]
    public void Resuming_keeps_files_that_fit_and_begins_others_anew()
    {
        using var folder = new TempFolder();
        (TensorInfo first, byte[] bytes) = ReaderTests.Make("a", DType.U8, 10);
        ShardLayout layout = ShardLayout.Create([first, new TensorInfo("b", DType.U8, [10])], 10);
        using (CheckpointWriter writer = CheckpointWriter.Create(folder.Path, layout, resume: true))
        {
            Assert.False(writer.IsKept(0));
            writer.Write(0, 0, bytes);
            writer.Write(1, 0, bytes);
        }

        File.AppendAllText(folder[layout.Files[1].Name], "x");
        using (CheckpointWriter writer = CheckpointWriter.Create(folder.Path, layout, resume: true))
        {
            Assert.True(writer.IsKept(0));
            Assert.False(writer.IsKept(1));
            writer.Complete(sync: true);
        }

        using Checkpoint checkpoint = CheckpointReader.Open(folder.Path);
        Assert.Equal(bytes, checkpoint.Tensors["a"].ReadBytes());
        Assert.Equal(new byte[10], checkpoint.Tensors["b"].ReadBytes());
    }

    [Fact]
    public void Without_resuming_old_bytes_are_gone()
    {
        using var folder = new TempFolder();
        ShardLayout layout = ShardLayout.Create([new TensorInfo("a", DType.U8, [10])], 0);
        using (CheckpointWriter writer = CheckpointWriter.Create(folder.Path, layout, resume: false))
            writer.Write(0, 0, [1, 2, 3]);
        CheckpointWriter.Create(folder.Path, layout, resume: false).Dispose();
        using Checkpoint checkpoint = CheckpointReader.Open(folder.Path);
        Assert.Equal(new byte[10], checkpoint.Tensors["a"].ReadBytes());
    }

    [Fact]
    public void Misuse_is_refused()
    {
        using var folder = new TempFolder();
        ShardLayout layout = ShardLayout.Create([new TensorInfo("a", DType.U8, [10])], 0);
        using CheckpointWriter writer = CheckpointWriter.Create(folder.Path, layout, resume: false);
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Write(0, 8, new byte[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Write(0, -1, new byte[3]));
        ImmutableArray<TensorInfo> twice = [new("a", DType.U8, [1]), new("a", DType.U8, [1])];
        Assert.Throws<ArgumentException>(() => ShardLayout.Create(twice, 0));
        Assert.Throws<ArgumentException>(() => ShardLayout.Create([new TensorInfo("__metadata__", DType.U8, [1])], 0));
        Assert.Throws<ArgumentException>(() => SafetensorsFile.Write(folder["x"], [(twice[0], new byte[2])]));
    }

    [Fact]
    public void A_disk_too_small_is_reported_before_the_work()
    {
        using var folder = new TempFolder();

        // 2^60 bytes: more than any disk holds or any file system lets a file have.
        ShardLayout layout = ShardLayout.Create([new TensorInfo("a", DType.U8, [1L << 60])], 0);
        MerganserException e = Assert.Throws<MerganserException>(() => CheckpointWriter.Create(folder.Path, layout, resume: false));
        Assert.Contains("model.safetensors", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_reported()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["file"], "");
        ShardLayout layout = ShardLayout.Create([], 0);
        Assert.Throws<MerganserException>(() => CheckpointWriter.Create(folder["file/out"], layout, resume: false));
        Assert.Throws<MerganserException>(() => SafetensorsFile.Write(folder["file/x.safetensors"], []));
    }
}
