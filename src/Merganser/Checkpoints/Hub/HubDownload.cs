namespace Merganser.Checkpoints.Hub;

/// <summary>
/// Downloads a model repository into the local cache: description, missing files, hash check, and only then the snapshot gets
/// its place. Whatever was downloaded before, whole or in part, is not downloaded again.
/// </summary>
public sealed class HubDownload
{
    private readonly HubOptions _options;

    private HubDownload(HubRepository repository, HubOptions options, string commit, HubFile[] files)
    {
        Repository = repository;
        _options = options;
        Commit = commit;
        Files = files;
    }

    /// <summary>The repository as it was asked for.</summary>
    public HubRepository Repository { get; }

    /// <summary>The commit that the revision is at.</summary>
    public string Commit { get; }

    /// <summary>The files that are wanted.</summary>
    public IReadOnlyList<HubFile> Files { get; }

    /// <summary>Their bytes together.</summary>
    public long Bytes => Files.Sum(file => file.Bytes);

    /// <summary>Where the model will be.</summary>
    public string Snapshot => _options.Cache.SnapshotOf(Repository, Commit);

    /// <summary>Asks the server what there is.</summary>
    /// <exception cref="MerganserException">There is no such repository or revision, nothing in it is wanted, or the server cannot be reached.</exception>
    public static async Task<HubDownload> PlanAsync(HubRepository repository, HubOptions options, HubSelection selection, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(selection);
        using var client = new HubClient(options);
        try
        {
            (string commit, HubFile[] files) = await client.DescribeAsync(repository, cancellation);
            HubFile[] chosen = selection.Choose(files);
            return chosen.Length > 0
                ? new HubDownload(repository, options, commit, chosen)
                : throw new MerganserException($"{repository}: none of its {files.Length} files is wanted; name them with --include");
        }
        catch (HttpRequestException e)
        {
            throw new MerganserException($"{repository}: {options.Endpoint} cannot be reached: {e.Message}", e);
        }
    }

    /// <summary>Downloads what is missing; gives back the folder of the model.</summary>
    /// <exception cref="MerganserException">A file cannot be downloaded, its hash is wrong, or the disk is full.</exception>
    public async Task<string> RunAsync(CancellationToken cancellation)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_options.Cache.BlobOf(Repository, "x"))!);
            CheckSpace();
            using var client = new HubClient(_options);
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = Math.Clamp(_options.Connections, 1, 32), CancellationToken = cancellation };
            await Parallel.ForEachAsync(
                Files.DistinctBy(file => file.Hash), parallel, async (file, token) => await new BlobDownload(client, _options, Repository, Commit, file).RunAsync(token));
            foreach (HubFile file in Files)
                Link(file);
            WriteRef();
            return Snapshot;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{_options.Cache.FolderOf(Repository)}: cannot be written: {e.Message}", e);
        }
    }

    private void CheckSpace()
    {
        long missing = Files.DistinctBy(file => file.Hash).Where(file => !File.Exists(_options.Cache.BlobOf(Repository, file.Hash))).Sum(file => file.Bytes - Partial(file));
        long free = new DriveInfo(Path.GetFullPath(_options.Cache.Root)).AvailableFreeSpace;
        if (missing > free)
            throw new MerganserException($"{_options.Cache.Root}: {ByteSize.Format(missing)} are to be downloaded and {ByteSize.Format(free)} are free; set HF_HUB_CACHE to a folder on another disk");
    }

    private long Partial(HubFile file)
    {
        var partial = new FileInfo(_options.Cache.BlobOf(Repository, file.Hash) + ".incomplete");
        return partial.Exists ? Math.Min(partial.Length, file.Bytes) : 0;
    }

    private void Link(HubFile file)
    {
        string path = Path.Join(Snapshot, file.Path), blob = _options.Cache.BlobOf(Repository, file.Hash);
        string folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);
        var present = new FileInfo(path);
        if (present.Exists && present.LinkTarget is null && present.Length == file.Bytes)
            return;
        string made = path + ".new";
        File.Delete(made);
        try
        {
            File.CreateSymbolicLink(made, Path.GetRelativePath(folder, blob));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            File.Copy(blob, made); // Windows lets only some users make links.
        }

        File.Move(made, path, overwrite: true);
    }

    private void WriteRef()
    {
        if (Repository.IsCommit)
            return;
        string path = _options.Cache.RefOf(Repository);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path + ".new", Commit);
        File.Move(path + ".new", path, overwrite: true);
    }
}
