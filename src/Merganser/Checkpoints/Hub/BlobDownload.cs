using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Merganser.Checkpoints.Hub;

/// <summary>One file on its way into the cache: it grows under a name of its own, goes on where it broke off, and gets its name when its hash is right.</summary>
internal sealed class BlobDownload(HubClient client, HubOptions options, HubRepository repository, string commit, HubFile file)
{
    private const int BufferBytes = 1 << 20;

    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(60);

    private readonly string _target = options.Cache.BlobOf(repository, file.Hash);

    /// <summary>Downloads what is missing.</summary>
    /// <exception cref="MerganserException">The server fails again and again, the bytes are not those of the hash, or the disk fails.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        if (File.Exists(_target) && new FileInfo(_target).Length == file.Bytes)
        {
            options.Received?.Invoke(file.Bytes);
            return;
        }

        await using FileStream stream = OpenPartial();
        using IncrementalHash hash = Begin();
        await HashPresentAsync(stream, hash, cancellation);
        await FetchAsync(stream, hash, cancellation);
        string actual = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (actual != file.Hash)
        {
            stream.SetLength(0);
            throw new MerganserException($"{repository}: {file.Path} has the hash {actual} where {file.Hash} was promised; it was thrown away, run again");
        }

        stream.Flush(flushToDisk: true);
        stream.Close();
        File.Move(stream.Name, _target, overwrite: true);
    }

    private FileStream OpenPartial()
    {
        string path = _target + ".incomplete";
        try
        {
            return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, useAsync: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be written, perhaps another pull is at work: {e.Message}", e);
        }
    }

    /// <summary>Git hashes a header in front of the bytes.</summary>
    private IncrementalHash Begin()
    {
        bool isGit = file.Hash.Length == 40;
#pragma warning disable CA5350 // The hash that git gives; large files have SHA-256.
        IncrementalHash hash = IncrementalHash.CreateHash(isGit ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256);
#pragma warning restore CA5350
        if (isGit)
            hash.AppendData(Encoding.ASCII.GetBytes($"blob {file.Bytes}\0"));
        return hash;
    }

    private async Task HashPresentAsync(FileStream stream, IncrementalHash hash, CancellationToken cancellation)
    {
        if (stream.Length > file.Bytes)
            stream.SetLength(0);
        byte[] buffer = new byte[BufferBytes];
        for (int read = await stream.ReadAsync(buffer, cancellation); read > 0; read = await stream.ReadAsync(buffer, cancellation))
        {
            hash.AppendData(buffer, 0, read);
            options.Received?.Invoke(read);
        }
    }

    private async Task FetchAsync(FileStream stream, IncrementalHash hash, CancellationToken cancellation)
    {
        int failures = 0;
        while (stream.Length < file.Bytes)
        {
            long before = stream.Length;
            try
            {
                await FetchOnceAsync(stream, hash, cancellation);
                if (stream.Length < file.Bytes)
                    throw new HttpIOException(HttpRequestError.ResponseEnded, "the answer ended early");
            }
            catch (Exception e) when (IsPassing(e) && !cancellation.IsCancellationRequested)
            {
                failures = stream.Length > before ? 1 : failures + 1;
                if (failures > options.Retries)
                    throw new MerganserException($"{repository}: {file.Path} broke off at {stream.Length} of {file.Bytes} bytes: {Reason(e)}; run again to go on", e);
                await Task.Delay(options.RetryDelay * Math.Pow(2, failures - 1), cancellation);
            }
        }
    }

    private async Task FetchOnceAsync(FileStream stream, IncrementalHash hash, CancellationToken cancellation)
    {
        using var stall = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        stall.CancelAfter(Stall);
        using HttpResponseMessage response = await client.OpenAsync(repository, commit, file, stream.Length, stall.Token);
        long skip = Skip(response, stream.Length);
        await using Stream content = await response.Content.ReadAsStreamAsync(stall.Token);
        byte[] buffer = new byte[BufferBytes];
        for (int read = await content.ReadAsync(buffer, stall.Token); read > 0; read = await content.ReadAsync(buffer, stall.Token))
        {
            stall.CancelAfter(Stall);
            int old = (int)Math.Min(skip, read);
            skip -= old;
            ReadOnlyMemory<byte> bytes = buffer.AsMemory(old, read - old);
            if (stream.Length + bytes.Length > file.Bytes)
                throw new MerganserException($"{repository}: {file.Path} is longer than the {file.Bytes} bytes that were promised");
            await stream.WriteAsync(bytes, cancellation);
            hash.AppendData(bytes.Span);
            options.Received?.Invoke(bytes.Length);
        }
    }

    /// <summary>How many bytes to pass over: a server that does not know ranges begins at the beginning.</summary>
    private long Skip(HttpResponseMessage response, long present)
    {
        if (present == 0 || response.StatusCode == HttpStatusCode.OK)
            return present;
        return response.Content.Headers.ContentRange?.From == present
            ? 0
            : throw new MerganserException($"{repository}: {file.Path}: asked for bytes from {present} on, the server sends others");
    }

    private static bool IsPassing(Exception e) => e is HttpRequestException or HttpIOException or OperationCanceledException || (e is IOException && e.InnerException is System.Net.Sockets.SocketException);

    private static string Reason(Exception e) => e is OperationCanceledException ? $"nothing came for {Stall.TotalSeconds} s" : e.Message;
}
