using Merganser.Checkpoints.Formats;
using Merganser.Checkpoints.Gguf;
using Merganser.Checkpoints.Hub;
using Merganser.Checkpoints.Torch;

namespace Merganser.Checkpoints;

/// <summary>Opens checkpoints: safetensors files, zip archives of PyTorch, and folders of either, sharded or not; GGUF files.</summary>
public static class CheckpointReader
{
    private static readonly string[] Candidates =
    [
        "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
        "adapter_model.safetensors", "adapter_model.bin",
    ];

    /// <summary>
    /// Opens a file, or the weights in a folder: the first of <c>model.safetensors</c>, <c>model.safetensors.index.json</c>,
    /// <c>pytorch_model.bin</c>, <c>pytorch_model.bin.index.json</c>, <c>adapter_model.safetensors</c>, <c>adapter_model.bin</c>,
    /// else the only <c>*.safetensors</c> file there; the folder may be a repository in the local cache. Reads headers only. Tensors of a shard that the index does not name are left out.
    /// </summary>
    /// <exception cref="MerganserException">There is nothing to open, or a file is not valid.</exception>
    public static Checkpoint Open(string path)
    {
        path = HubCache.Resolve(path);
        if (File.Exists(path))
            return OpenFile(path, path);
        foreach (string name in Candidates)
        {
            if (FolderFiles.Find(path, name) is { } found)
                return name.EndsWith(".json", StringComparison.Ordinal) ? OpenShards(path, found) : OpenFile(path, found);
        }

        string[] others = FolderFiles.List(path, ".safetensors");
        return others.Length == 1 && FolderFiles.Find(path, others[0]) is { } only
            ? OpenFile(path, only)
            : throw new MerganserException(
                $"{path}: no weights found: needs model.safetensors, model.safetensors.index.json, pytorch_model.bin, its index, adapter_model.safetensors or one *.safetensors file (there are {others.Length})");
    }

    private static Checkpoint OpenFile(string origin, string path)
    {
        CheckpointFile file = CheckpointFile.Open(path);
        try
        {
            if (GgufFile.IsGguf(file))
                return GgufFile.Read(origin, file).Weights;
            (IReadOnlyList<TensorSource> tensors, IReadOnlyDictionary<string, string> metadata) = ReadTensors(file);
            return new Checkpoint(origin, tensors, [file]) { Metadata = metadata };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static Checkpoint OpenShards(string folder, string indexPath)
    {
        Dictionary<string, string> map = ShardIndex.Read(indexPath);
        var files = new List<CheckpointFile>();
        try
        {
            var tensors = new List<TensorSource>(map.Count);
            IReadOnlyDictionary<string, string>? metadata = null;
            foreach (string name in map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            {
                string path = FolderFiles.Find(folder, name)
                    ?? throw new MerganserException($"{indexPath}: names the shard {Quoted.Name(name)}, which is not in the folder");
                CheckpointFile file = CheckpointFile.Open(path);
                files.Add(file);
                (IReadOnlyList<TensorSource> all, IReadOnlyDictionary<string, string> pairs) = ReadTensors(file);
                metadata ??= pairs;
                tensors.AddRange(all.Where(tensor => map.TryGetValue(tensor.Info.Name, out string? home) && home == name));
            }

            CheckAllFound(indexPath, map, tensors);
            return new Checkpoint(folder, tensors, files) { Metadata = metadata ?? new Dictionary<string, string>() };
        }
        catch
        {
            foreach (CheckpointFile file in files)
                file.Dispose();
            throw;
        }
    }

    private static void CheckAllFound(string indexPath, Dictionary<string, string> map, List<TensorSource> tensors)
    {
        if (tensors.Count == map.Count)
            return;
        var found = tensors.Select(tensor => tensor.Info.Name).ToHashSet(StringComparer.Ordinal);
        (string missing, string shard) = map.Where(pair => !found.Contains(pair.Key)).MinBy(pair => pair.Key, StringComparer.Ordinal);
        throw new MerganserException($"{indexPath}: tensor {Quoted.Name(missing)} is not in its shard {Quoted.Name(shard)}; {map.Count - tensors.Count} missing in all");
    }

    private static (IReadOnlyList<TensorSource> Tensors, IReadOnlyDictionary<string, string> Metadata) ReadTensors(CheckpointFile file)
    {
        if (IsTorch(file))
            return (TorchZip.Read(file), new Dictionary<string, string>());
        SafetensorsHeader header = SafetensorsHeader.Read(file);
        var tensors = new TensorSource[header.Entries.Count];
        for (int i = 0; i < tensors.Length; i++)
            tensors[i] = new FileTensorSource(header.Entries[i].Info, file, header.DataStart + header.Entries[i].Begin);
        return (tensors, header.Metadata);
    }

    // By name, or for other names by the first bytes of a zip archive.
    private static bool IsTorch(CheckpointFile file)
    {
        string extension = Path.GetExtension(file.Path).ToLowerInvariant();
        if (extension is ".bin" or ".pt" or ".pth" or ".ckpt")
            return true;
        Span<byte> magic = stackalloc byte[4];
        if (extension == ".safetensors" || file.Length < magic.Length)
            return false;
        file.Read(0, magic);
        return magic.SequenceEqual("PK\u0003\u0004"u8);
    }
}
