namespace Merganser.Checkpoints.Formats;

/// <summary>Where a path leads when every symbolic link on the way is followed.</summary>
internal static class RealPath
{
    private const int MostLinks = 40;

    /// <summary>The full path without links; parts that do not exist stay as they are.</summary>
    /// <exception cref="MerganserException">The links run in a circle.</exception>
    public static string Resolve(string path)
    {
        string full = Path.GetFullPath(path);
        string done = Path.GetPathRoot(full)!;
        var rest = new Stack<string>();
        PushParts(rest, full[done.Length..]);
        int links = 0;
        while (rest.TryPop(out string? part))
        {
            if (part == "..")
            {
                done = Path.GetDirectoryName(done) ?? done;
                continue;
            }

            string next = Path.Join(done, part);
            string? target = new FileInfo(next).LinkTarget;
            if (target is null)
            {
                done = next;
                continue;
            }

            if (++links > MostLinks)
                throw new MerganserException($"{path}: too many symbolic links on the way");
            if (Path.IsPathRooted(target))
            {
                done = Path.GetPathRoot(target)!;
                target = target[done.Length..];
            }

            PushParts(rest, target);
        }

        return done;
    }

    /// <summary>True when <paramref name="path"/> lies somewhere below <paramref name="folder"/>; both without links.</summary>
    public static bool IsBelow(string path, string folder) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static void PushParts(Stack<string> rest, string path)
    {
        string[] parts = path.Split([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries);
        for (int i = parts.Length - 1; i >= 0; i--)
        {
            if (parts[i] != ".")
                rest.Push(parts[i]);
        }
    }
}
