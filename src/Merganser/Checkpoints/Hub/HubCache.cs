using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Hub;

/// <summary>
/// The local cache of repositories, in the layout of the Hugging Face libraries, so that what they have downloaded is here and
/// what is pulled here is there: <c>models--owner--name/blobs/HASH</c>, <c>refs/REVISION</c> (a commit) and
/// <c>snapshots/COMMIT/…</c> (links to blobs).
/// </summary>
/// <param name="Root">The folder of all repositories.</param>
public sealed record HubCache(string Root)
{
    private const int LongestRef = 256;

    /// <summary>The cache of this user: <c>HF_HUB_CACHE</c>, else <c>HF_HOME/hub</c>, else <c>~/.cache/huggingface/hub</c>.</summary>
    public static HubCache Default => new(
        Variable("HF_HUB_CACHE") ?? Variable("HUGGINGFACE_HUB_CACHE") ?? Path.Join(Home, "hub"));

    /// <summary>The folder of the Hugging Face libraries: <c>HF_HOME</c>, else <c>~/.cache/huggingface</c>.</summary>
    internal static string Home =>
        Variable("HF_HOME")
        ?? Path.Join(Variable("XDG_CACHE_HOME") ?? Path.Join(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "huggingface");

    /// <summary>The snapshot of a repository that is here; null when it is not. Nothing is downloaded.</summary>
    public string? Find(HubRepository repository)
    {
        ArgumentNullException.ThrowIfNull(repository);
        string? commit = repository.IsCommit ? repository.Revision : ReadRef(repository);
        string? snapshot = commit is null ? null : SnapshotOf(repository, commit);
        return snapshot is not null && Directory.Exists(snapshot) ? snapshot : null;
    }

    /// <summary>The path itself when something is there, else the snapshot of the repository that it may name.</summary>
    /// <exception cref="MerganserException">There is neither.</exception>
    public static string Resolve(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path) || File.Exists(path))
            return path;
        HubRepository? repository = HubRepository.TryParse(path);
        if (repository is not null && Default.Find(repository) is { } snapshot)
            return snapshot;
        throw new MerganserException(repository?.Name.Contains('/', StringComparison.Ordinal) == true
            ? $"{path}: there is no such folder or file, nor a repository of that name in the local cache; to download one: merganser pull {path}"
            : $"{path}: there is no such folder or file");
    }

    internal string FolderOf(HubRepository repository) => Path.Join(Root, "models--" + repository.Name.Replace("/", "--", StringComparison.Ordinal));

    internal string SnapshotOf(HubRepository repository, string commit) => Path.Join(FolderOf(repository), "snapshots", commit);

    internal string BlobOf(HubRepository repository, string hash) => Path.Join(FolderOf(repository), "blobs", hash);

    internal string RefOf(HubRepository repository) => Path.Join(FolderOf(repository), "refs", repository.Revision);

    private string? ReadRef(HubRepository repository)
    {
        string path = RefOf(repository);
        if (!File.Exists(path))
            return null;
        string commit = System.Text.Encoding.ASCII.GetString(BoundedJson.ReadBytes(path, LongestRef)).Trim();
        return HubRepository.IsCommitName(commit) ? commit : throw new MerganserException($"{path}: holds {Quoted.Name(commit)}, which is no commit");
    }

    /// <summary>An environment variable; null when it is empty too.</summary>
    internal static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
