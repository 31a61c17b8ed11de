using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Merganser.Tests.Checkpoints.Hub;

/// <summary>A hub on the loopback address with one repository; it can misbehave.</summary>
internal sealed class HubServer : IDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Task _loop;

    public HubServer()
    {
        _listener.Start();
        _loop = Task.Run(AcceptAsync);
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    public Dictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>Paths that are described as large files, with SHA-256.</summary>
    public HashSet<string> Large { get; } = [];

    /// <summary>"GET path [range] [authorization]" of every request.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Cuts the connection after so many bytes of a body; a body may be cut once per entry.</summary>
    public ConcurrentQueue<int> Cuts { get; } = new();

    public bool KnowsRanges { get; set; } = true;

    /// <summary>Statuses of the next answers.</summary>
    public ConcurrentQueue<int> Statuses { get; } = new();

    public string? Token { get; set; }

    /// <summary>Changes what is sent for a file, not what is promised.</summary>
    public Func<string, byte[], byte[]> Body { get; set; } = (_, bytes) => bytes;

    public Func<JsonObject, JsonObject> Description { get; set; } = description => description;

    /// <summary>Where large files are redirected to.</summary>
    public Uri? Storage { get; set; }

    public void Dispose()
    {
        _listener.Stop();
        _loop.Wait();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                TcpClient client = await _listener.AcceptTcpClientAsync();
                _ = Task.Run(() => ServeAsync(client));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            using (client)
            {
                await using NetworkStream stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.ASCII, leaveOpen: true);
                string path = (await reader.ReadLineAsync())!.Split(' ')[1];
                string range = "", authorization = "";
                for (string? line = await reader.ReadLineAsync(); !string.IsNullOrEmpty(line); line = await reader.ReadLineAsync())
                {
                    if (line.StartsWith("Range:", StringComparison.OrdinalIgnoreCase))
                        range = line["Range:".Length..].Trim();
                    if (line.StartsWith("Authorization:", StringComparison.OrdinalIgnoreCase))
                        authorization = line["Authorization:".Length..].Trim();
                }

                Requests.Enqueue($"GET {path} {range} {authorization}".TrimEnd());
                await AnswerAsync(stream, path, range, authorization);
            }
        }
        catch (IOException)
        {
            // The other side went away.
        }
    }

    private async Task AnswerAsync(NetworkStream stream, string path, string range, string authorization)
    {
        if (Statuses.TryDequeue(out int status))
        {
            await HeadAsync(stream, status, 0);
            return;
        }

        if (Token is not null && authorization != $"Bearer {Token}" && !path.StartsWith("/storage/", StringComparison.Ordinal))
        {
            await HeadAsync(stream, 401, 0);
            return;
        }

        if (path.StartsWith("/api/models/some/model/revision/main", StringComparison.Ordinal))
        {
            byte[] json = Encoding.UTF8.GetBytes(Description(Describe()).ToJsonString());
            await HeadAsync(stream, 200, json.Length);
            await stream.WriteAsync(json);
            return;
        }

        string prefix = path.StartsWith("/storage/", StringComparison.Ordinal) ? "/storage/" : $"/some/model/resolve/{Commit}/";
        string name = path.StartsWith(prefix, StringComparison.Ordinal) ? Uri.UnescapeDataString(path[prefix.Length..]) : "";
        if (!Files.TryGetValue(name, out byte[]? bytes))
            await HeadAsync(stream, 404, 0);
        else if (Storage is not null && Large.Contains(name) && prefix != "/storage/")
            await HeadAsync(stream, 302, 0, $"Location: {new Uri(Storage, "storage/" + name)}\r\n");
        else
            await SendAsync(stream, Body(name, bytes), range);
    }

    private async Task SendAsync(NetworkStream stream, byte[] bytes, string range)
    {
        int from = KnowsRanges && range.Length > 0 ? int.Parse(range["bytes=".Length..].TrimEnd('-'), CultureInfo.InvariantCulture) : 0;
        string extra = from > 0 ? $"Content-Range: bytes {from}-{bytes.Length - 1}/{bytes.Length}\r\n" : "";
        await HeadAsync(stream, from > 0 ? 206 : 200, bytes.Length - from, extra);
        int end = Cuts.TryDequeue(out int cut) ? Math.Min(bytes.Length, from + cut) : bytes.Length;
        await stream.WriteAsync(bytes.AsMemory(from, end - from));
        await stream.FlushAsync();
    }

    private static async Task HeadAsync(NetworkStream stream, int status, long length, string extra = "") =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{extra}\r\n"));

    private JsonObject Describe()
    {
        var siblings = new JsonArray();
        foreach ((string name, byte[] bytes) in Files)
        {
            var entry = new JsonObject { ["rfilename"] = name, ["size"] = bytes.Length, ["blobId"] = GitHash(bytes) };
            if (Large.Contains(name))
                entry["lfs"] = new JsonObject { ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(bytes)), ["size"] = bytes.Length, ["pointerSize"] = 130 };
            siblings.Add(entry);
        }

        return new JsonObject { ["id"] = "some/model", ["sha"] = Commit, ["siblings"] = siblings };
    }

    private static string GitHash(byte[] bytes)
    {
#pragma warning disable CA5350 // What git hashes.
        return Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {bytes.Length}\0"), .. bytes]));
#pragma warning restore CA5350
    }
}
