namespace Merganser.Weights.Tools;

/// <summary>A folder that is filled under another name beside its final one and renamed when it is whole.</summary>
internal sealed class OutputFolder : IDisposable
{
    private readonly string _target;
    private readonly bool _overwrite;
    private bool _done;

    /// <summary>Makes the working folder.</summary>
    /// <exception cref="MerganserException">The target exists and must not be replaced, or nothing can be written there.</exception>
    public OutputFolder(string target, bool overwrite)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        _target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        _overwrite = overwrite;
        if (File.Exists(_target) || (Directory.Exists(_target) && !overwrite && Directory.EnumerateFileSystemEntries(_target).Any()))
            throw new MerganserException($"{target}: exists; choose another name{(File.Exists(_target) ? "" : " or give --overwrite")}");
        Working = $"{_target}.{Guid.NewGuid():N}.part";
        Guard(() => Directory.CreateDirectory(Working));
    }

    /// <summary>Where files go until <see cref="Complete"/>.</summary>
    public string Working { get; }

    /// <summary>Gives the folder its final name.</summary>
    public void Complete()
    {
        Guard(() =>
        {
            if (!Directory.Exists(_target))
            {
                Directory.Move(Working, _target);
            }
            else if (_overwrite)
            {
                // The old folder goes only after the new one has its name.
                string old = $"{Working}.old";
                Directory.Move(_target, old);
                Directory.Move(Working, _target);
                Directory.Delete(old, recursive: true);
            }
            else
            {
                Directory.Delete(_target);
                Directory.Move(Working, _target);
            }
        });
        _done = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_done && Directory.Exists(Working))
            Directory.Delete(Working, recursive: true);
    }

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{_target}: cannot be written: {e.Message}", e);
        }
    }
}
