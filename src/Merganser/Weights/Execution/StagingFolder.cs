namespace Merganser.Weights.Execution;

/// <summary>
/// A folder that is filled beside its target, under a name that nobody takes for a finished one, and renamed when whole.
/// </summary>
public sealed class StagingFolder
{
    private readonly bool _overwrite;

    private StagingFolder(string target, bool overwrite)
    {
        Target = target;
        Path = target + ".partial";
        _overwrite = overwrite;
    }

    /// <summary>The folder that will appear.</summary>
    public string Target { get; }

    /// <summary>The folder to write in.</summary>
    public string Path { get; }

    /// <summary>Checks that the target may be written and makes the staging folder, empty unless <paramref name="keep"/> says that its contents are wanted.</summary>
    /// <param name="target">The folder that will appear.</param>
    /// <param name="overwrite">True to replace the target if it exists.</param>
    /// <param name="keep">Decides whether to keep what an earlier run left in the staging folder; null to start empty.</param>
    /// <exception cref="MerganserException">The target exists, or its place cannot be written.</exception>
    public static StagingFolder Create(string target, bool overwrite, Func<string, bool>? keep = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(target));
        var staging = new StagingFolder(full, overwrite);
        if (File.Exists(full))
            throw new MerganserException($"{target}: is a file; name a folder for the output");
        if (!overwrite && Directory.Exists(full) && Directory.EnumerateFileSystemEntries(full).Any())
            throw new MerganserException($"{target}: exists and is not empty; choose another folder or replace it with --overwrite");
        try
        {
            if (Directory.Exists(staging.Path) && keep?.Invoke(staging.Path) != true)
                Directory.Delete(staging.Path, recursive: true);
            Directory.CreateDirectory(staging.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{target}: cannot be written: {e.Message}", e);
        }

        return staging;
    }

    /// <summary>Gives the folder its name, in place of an earlier one if that may be overwritten.</summary>
    public void Commit()
    {
        try
        {
            string? old = null;
            if (Directory.Exists(Target))
            {
                if (!_overwrite && Directory.EnumerateFileSystemEntries(Target).Any())
                    throw new MerganserException($"{Target}: came into being during the run; the result is left in {Path}");
                old = Target + ".old";
                if (Directory.Exists(old))
                    Directory.Delete(old, recursive: true);
                Directory.Move(Target, old);
            }

            Directory.Move(Path, Target);
            if (old is not null)
                Directory.Delete(old, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{Target}: cannot be put in place: {e.Message}; the result is left in {Path}", e);
        }
    }

    /// <summary>Removes what was written so far.</summary>
    public void Discard()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The run has failed already; its reason matters more than what could not be removed, and the name tells what it is.
        }
    }
}
