using System.Collections.Immutable;
using System.Text;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Torch;

/// <summary>
/// Reads state dictionaries that PyTorch saved as zip archives. A dictionary that holds no tensors itself may wrap the
/// tensors under <c>state_dict</c>, <c>model_state_dict</c>, <c>model</c> or <c>module</c>. Entries that are not tensors are left out.
/// </summary>
internal static class TorchZip
{
    private const long LongestPickle = 100_000_000;
    private const int MostDimensions = 64;

    // A view may repeat elements of its storage (stride 0); a few bytes must not become terabytes.
    private const long LargestRepeatingView = 16 << 20;

    private static readonly string[] Wrappers = ["state_dict", "model_state_dict", "model", "module"];

    /// <summary>The tensors of a file.</summary>
    /// <exception cref="MerganserException">The file is damaged, of the old format, or holds more than tensors.</exception>
    public static IReadOnlyList<TensorSource> Read(CheckpointFile file)
    {
        Span<byte> magic = stackalloc byte[4];
        if (file.Length >= 4)
            file.Read(0, magic);
        if (!magic.StartsWith("PK"u8))
        {
            throw new MerganserException(
                $"{file.Path}: is not a zip archive; files of PyTorch before 1.6 are refused because reading them runs code: load it there and save it again, best as safetensors");
        }

        Dictionary<string, ZipEntry> entries = ZipDirectory.Read(file);
        string prefix = FindPrefix(file, entries);
        CheckByteOrder(file, entries, prefix);
        ZipEntry pickle = entries[prefix + "data.pkl"];
        if (pickle.Length > LongestPickle)
            throw new MerganserException($"{file.Path}: data.pkl has {pickle.Length} bytes, more than the {LongestPickle} allowed");
        byte[] bytes = new byte[(int)pickle.Length];
        file.Read(pickle.Offset, bytes);
        PickleDict state = FindState(file, Pickle.Load(file.Path, bytes));
        var tensors = new List<TensorSource>(state.Keys.Count);
        foreach (string name in state.Keys)
        {
            if (state.Get(name) is PickleTensor tensor)
                tensors.Add(Place(file, entries, prefix, name, tensor));
        }

        return tensors;
    }

    private static string FindPrefix(CheckpointFile file, Dictionary<string, ZipEntry> entries)
    {
        string[] pickles = [.. entries.Keys.Where(name => name.EndsWith("/data.pkl", StringComparison.Ordinal) && name.IndexOf('/', StringComparison.Ordinal) == name.Length - 9)];
        return pickles.Length == 1
            ? pickles[0][..^"data.pkl".Length]
            : throw new MerganserException($"{file.Path}: has {pickles.Length} entries named */data.pkl instead of one; not a model that PyTorch saved");
    }

    private static void CheckByteOrder(CheckpointFile file, Dictionary<string, ZipEntry> entries, string prefix)
    {
        if (!entries.TryGetValue(prefix + "byteorder", out ZipEntry entry))
            return;
        byte[] order = new byte[Math.Min(entry.Length, 16)];
        file.Read(entry.Offset, order);
        if (Encoding.ASCII.GetString(order).Trim() != "little")
            throw new MerganserException($"{file.Path}: was saved with byte order {Quoted.Name(Encoding.ASCII.GetString(order))}; only little-endian files are read");
    }

    private static PickleDict FindState(CheckpointFile file, object? value)
    {
        if (value is PickleDict top)
        {
            if (HasTensors(top))
                return top;
            foreach (string key in Wrappers)
            {
                if (top.Get(key) is PickleDict inner && HasTensors(inner))
                    return inner;
            }
        }

        throw new MerganserException($"{file.Path}: holds no dictionary of tensors, neither itself nor under {string.Join(", ", Wrappers)}");
    }

    private static bool HasTensors(PickleDict dict) => dict.Keys.Any(key => dict.Get(key) is PickleTensor);

    private static TensorSource Place(CheckpointFile file, Dictionary<string, ZipEntry> entries, string prefix, string name, PickleTensor tensor)
    {
        if (!entries.TryGetValue($"{prefix}data/{tensor.Storage.Key}", out ZipEntry entry))
            throw Bad(file, name, $"lies in the storage {Quoted.Name(tensor.Storage.Key)}, which is not in the archive");
        long capacity = entry.Length / tensor.Type.Size();
        if (tensor.Shape.Length != tensor.Strides.Length || tensor.Shape.Length > MostDimensions || tensor.Shape.Any(extent => extent < 0) || tensor.Strides.Any(stride => stride < 0))
            throw Bad(file, name, $"has the shape [{Shown(tensor.Shape)}] with strides [{Shown(tensor.Strides)}], which cannot be");

        Int128 count = 1, last = tensor.Offset;
        for (int i = 0; i < tensor.Shape.Length; i++)
        {
            count *= tensor.Shape[i];
            last += (Int128)Math.Max(0, tensor.Shape[i] - 1) * tensor.Strides[i];
            if (count > long.MaxValue / 8)
                throw Bad(file, name, $"has the shape [{Shown(tensor.Shape)}], which is too large");
        }

        if (tensor.Offset < 0 || tensor.Offset > capacity || (count > 0 && last >= capacity))
            throw Bad(file, name, $"needs element {last} of the storage {Quoted.Name(tensor.Storage.Key)}, which has {capacity}; cut off?");
        if (count > capacity && count * tensor.Type.Size() > LargestRepeatingView)
            throw Bad(file, name, $"repeats the {capacity} elements of its storage to {count}; save it as a contiguous tensor");

        var info = new TensorInfo(name, tensor.Type, [.. tensor.Shape]);
        return IsContiguous(tensor)
            ? new FileTensorSource(info, file, entry.Offset + tensor.Offset * tensor.Type.Size())
            : new StridedTensorSource(info, file, entry.Offset + tensor.Offset * tensor.Type.Size(), [.. tensor.Strides]);
    }

    private static bool IsContiguous(PickleTensor tensor)
    {
        if (tensor.Shape.Contains(0))
            return true;
        long expected = 1;
        for (int i = tensor.Shape.Length - 1; i >= 0; i--)
        {
            if (tensor.Shape[i] != 1 && tensor.Strides[i] != expected)
                return false;
            expected *= tensor.Shape[i];
        }

        return true;
    }

    private static string Shown(long[] numbers) => string.Join(", ", numbers.Take(MostDimensions));

    private static MerganserException Bad(CheckpointFile file, string name, string what) => new($"{file.Path}: tensor {Quoted.Name(name)} {what}");
}
