using Microsoft.Win32.SafeHandles;

namespace Merganser.Checkpoints;

/// <summary>Single safetensors files made of tensors in memory.</summary>
public static class SafetensorsFile
{
    /// <summary>
    /// Writes a file: first under another name in the same folder, then renamed, so that it is never half there. An existing
    /// file is replaced.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">Tensors and their bytes, little-endian and row-major.</param>
    /// <param name="metadata">Pairs for <c>__metadata__</c>; null gives <c>{"format": "pt"}</c>.</param>
    /// <exception cref="ArgumentException">A name stands twice, or bytes do not fit a shape.</exception>
    /// <exception cref="MerganserException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<(TensorInfo Info, byte[] Bytes)> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        (TensorInfo Info, byte[] Bytes)[] all = [.. tensors];
        foreach ((TensorInfo info, byte[] bytes) in all)
        {
            if (bytes.Length != info.ByteCount)
                throw new ArgumentException($"tensor '{info.Name}' {info.DType.SafetensorsName()} {info.ShapeText} needs {info.ByteCount} bytes, not {bytes.Length}", nameof(tensors));
        }

        ShardLayout layout = ShardLayout.Create([.. all.Select(tensor => tensor.Info)], 0, metadata);
        ShardFile file = layout.Files[0];
        string temporary = $"{path}.{Guid.NewGuid():N}.part";
        try
        {
            using (SafeFileHandle handle = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, file.Length))
            {
                RandomAccess.Write(handle, file.Header.AsSpan(), 0);
                for (int i = 0; i < all.Length; i++)
                    RandomAccess.Write(handle, all[i].Bytes, layout.Place(i).Offset);
                RandomAccess.FlushToDisk(handle);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            TryDelete(temporary);
            throw new MerganserException($"{path}: cannot be written: {e.Message}", e);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one worth reporting.
        }
    }
}
