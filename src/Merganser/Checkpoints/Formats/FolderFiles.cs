namespace Merganser.Checkpoints.Formats;

/// <summary>
/// Files of a model folder. A symbolic link is followed when it ends inside the folder, or in the <c>blobs</c> of the Hugging
/// Face cache repository (<c>models--*/snapshots/*</c>) that the folder is a snapshot of; any other link is refused.
/// </summary>
internal static class FolderFiles
{
    /// <summary>The path of a file that the folder itself holds; null when there is none.</summary>
    /// <exception cref="MerganserException">It is a link that leaves the folder.</exception>
    public static string? Find(string folder, string name)
    {
        string path = Path.Join(folder, name);
        try
        {
            return Find(folder, path, new FileInfo(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be looked up: {e.Message}", e);
        }
    }

    /// <summary>The plain names of the files with an extension, in ordinal order.</summary>
    /// <exception cref="MerganserException">The folder cannot be listed.</exception>
    public static string[] List(string folder, string extension)
    {
        try
        {
            return [.. Directory.EnumerateFiles(folder, "*" + extension).Select(Path.GetFileName).OfType<string>().Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{folder}: cannot be listed: {e.Message}", e);
        }
    }

    /// <summary>True for a name that cannot lead out of the folder: no separators, drives, streams, control characters, not <c>.</c> or <c>..</c>.</summary>
    public static bool IsPlainName(string name) =>
        name.Length is > 0 and <= 255 && name is not ("." or "..") && !name.AsSpan().ContainsAny('/', '\\', ':') && !name.Any(char.IsControl);

    private static string? Find(string folder, string path, FileInfo file)
    {
        if (file.LinkTarget is null)
            return file.Exists ? path : null;

        string target = RealPath.Resolve(path);
        string home = RealPath.Resolve(folder);
        if (!RealPath.IsBelow(target, home) && !(BlobsOf(home) is { } blobs && RealPath.IsBelow(target, blobs)))
            throw new MerganserException($"{path}: is a link that leaves the folder, to {Quoted.Name(target)}; replace it by the file itself");
        return File.Exists(target) ? path : throw new MerganserException($"{path}: is a link to {Quoted.Name(target)}, which does not exist");
    }

    private static string? BlobsOf(string home)
    {
        string? snapshots = Path.GetDirectoryName(home);
        string? repository = Path.GetDirectoryName(snapshots);
        return Path.GetFileName(snapshots) == "snapshots" && Path.GetFileName(repository)?.StartsWith("models--", StringComparison.Ordinal) == true
            ? Path.Join(repository, "blobs")
            : null;
    }
}
