using System.Buffers;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Hub;

/// <summary>A model repository: <c>owner/name[@revision]</c>, or <c>name</c> alone as the oldest models have it.</summary>
/// <param name="Name">The name with its owner, for example <c>Qwen/Qwen2.5-0.5B</c>.</param>
/// <param name="Revision">A branch, a tag or a commit.</param>
public sealed record HubRepository(string Name, string Revision = HubRepository.DefaultRevision)
{
    /// <summary>The branch that is meant when none is named.</summary>
    public const string DefaultRevision = "main";

    private const int LongestName = 96;
    private const int CommitDigits = 40;

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    /// <summary>True when the revision is a whole commit and can never mean another state.</summary>
    public bool IsCommit => IsCommitName(Revision);

    /// <summary>Reads <c>owner/name[@revision]</c>; null when the text cannot be a repository.</summary>
    public static HubRepository? TryParse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int at = text.IndexOf('@', StringComparison.Ordinal);
        string name = at < 0 ? text : text[..at], revision = at < 0 ? DefaultRevision : text[(at + 1)..];
        string[] parts = name.Split('/');
        return parts.Length <= 2 && Array.TrueForAll(parts, IsPart) && IsRevision(revision) ? new HubRepository(name, revision) : null;
    }

    /// <summary>Reads <c>owner/name[@revision]</c>.</summary>
    /// <exception cref="MerganserException">The text cannot be a repository.</exception>
    public static HubRepository Parse(string text) =>
        TryParse(text) ?? throw new MerganserException($"{Quoted.Name(text)} is not the name of a repository: write owner/name or owner/name@revision");

    /// <summary><c>owner/name</c>, with the revision unless it is the usual one.</summary>
    public override string ToString() => Revision == DefaultRevision ? Name : $"{Name}@{Revision}";

    internal static bool IsCommitName(string text) => text.Length == CommitDigits && text.All(char.IsAsciiHexDigitLower);

    private static bool IsPart(string part) =>
        part.Length is > 0 and <= LongestName && part[0] is not ('.' or '-') && !part.AsSpan().ContainsAnyExcept(NameCharacters) && !part.Contains("..", StringComparison.Ordinal);

    /// <summary>Branches may have slashes: <c>refs/pr/3</c>.</summary>
    private static bool IsRevision(string revision) => revision.Length <= 200 && Array.TrueForAll(revision.Split('/'), IsPart);
}
