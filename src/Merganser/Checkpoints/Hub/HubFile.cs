using System.Text.Json.Nodes;
using Merganser.Checkpoints.Formats;

namespace Merganser.Checkpoints.Hub;

/// <summary>A file of a repository at one commit.</summary>
/// <param name="Path">Its path in the repository, with <c>/</c>.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Hash">SHA-256 of large files (64 digits), git's SHA-1 of the others (40 digits).</param>
public sealed record HubFile(string Path, long Bytes, string Hash)
{
    private const int MostFiles = 50_000;
    private const int MostFolders = 8;

    /// <summary>Reads the files of the server's description of a revision.</summary>
    /// <exception cref="MerganserException">The description is not as it should be, or a path leads out of the folder.</exception>
    internal static HubFile[] ReadAll(JsonObject description, string url)
    {
        if (description["siblings"] is not JsonArray { Count: <= MostFiles } entries)
            throw new MerganserException($"{url}: the answer has no list 'siblings' of at most {MostFiles} files");
        HubFile[] files = [.. entries.Select(entry => Read(entry, url))];
        string? twice = files.GroupBy(file => file.Path, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1)?.Key;
        return twice is null ? files : throw new MerganserException($"{url}: names the file {Quoted.Name(twice)} twice");
    }

    private static HubFile Read(JsonNode? entry, string url)
    {
        string path = Text(entry?["rfilename"]) ?? throw new MerganserException($"{url}: the answer has a file without 'rfilename'");
        string[] parts = path.Split('/');
        if (parts.Length > MostFolders || !Array.TrueForAll(parts, FolderFiles.IsPlainName))
            throw new MerganserException($"{url}: the file {Quoted.Name(path)} would leave the folder");
        JsonNode? large = entry?["lfs"];
        string? hash = Text(large?["sha256"]) ?? Text(large?["oid"]) ?? Text(entry?["blobId"]);
        JsonNode? size = large?["size"] ?? entry?["size"];
        bool isHash = hash is { Length: 40 or 64 } && hash.All(char.IsAsciiHexDigitLower);
        if (!isHash || size is not JsonValue value || !value.TryGetValue(out long bytes) || bytes < 0)
            throw new MerganserException($"{url}: the file {Quoted.Name(path)} has no size or no hash");
        return new HubFile(path, bytes, hash!);
    }

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;
}
