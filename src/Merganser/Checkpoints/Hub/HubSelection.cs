namespace Merganser.Checkpoints.Hub;

/// <summary>
/// Which files of a repository are wanted. Unless patterns say otherwise: those at its top that a model needs, weights as
/// safetensors, or as PyTorch files when there are no others.
/// </summary>
public sealed record HubSelection
{
    private static readonly string[] Usual = ["*.safetensors", "*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja", "*.md", "LICENSE*", "LICENCE*", "NOTICE*"];
    private static readonly string[] TorchFiles = ["pytorch_model*.bin", "adapter_model.bin", "pytorch_model.bin.index.json"];

    /// <summary>Patterns (<c>*</c>, <c>?</c>) of paths that are wanted; a pattern without <c>/</c> is for files at the top. Empty: the usual ones.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>Patterns of paths that are not wanted.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];

    /// <summary>The files that are wanted, in the order of the repository.</summary>
    public HubFile[] Choose(IReadOnlyList<HubFile> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        return [.. files.Where(file => IsIncluded(file.Path, files) && !Matches(Exclude, file.Path))];
    }

    private bool IsIncluded(string path, IReadOnlyList<HubFile> files)
    {
        if (Include.Count > 0)
            return Matches(Include, path);
        bool hasSafetensors = files.Any(file => Matches(["*.safetensors"], file.Path));
        return Matches(TorchFiles, path) ? !hasSafetensors : Matches(Usual, path);
    }

    private static bool Matches(IEnumerable<string> patterns, string path) => patterns.Any(pattern =>
        pattern.Count(c => c == '/') == path.Count(c => c == '/') && System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, path, ignoreCase: false));
}
