using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

namespace Merganser.Checkpoints.Hub;

/// <summary>
/// Speaks with the server of a hub. Redirections are followed here: the token goes to the server itself only, and never from
/// https to http.
/// </summary>
internal sealed class HubClient : IDisposable
{
    private const int MostRedirections = 10;
    private const int MostDescriptionBytes = 64 << 20;

    private readonly HubOptions _options;
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(30), AutomaticDecompression = DecompressionMethods.None })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public HubClient(HubOptions options)
    {
        _options = options;
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("merganser", typeof(HubClient).Assembly.GetName().Version?.ToString(3) ?? "0"));
    }

    /// <summary>The commit that a revision is at, and its files.</summary>
    /// <exception cref="MerganserException">There is no such repository or revision, or the answer cannot be used.</exception>
    public async Task<(string Commit, HubFile[] Files)> DescribeAsync(HubRepository repository, CancellationToken cancellation)
    {
        var uri = new Uri(_options.Endpoint, $"api/models/{repository.Name}/revision/{Uri.EscapeDataString(repository.Revision)}?blobs=true");
        using HttpResponseMessage response = await SendAsync(uri, from: 0, cancellation);
        Check(response, repository, uri);
        byte[] bytes = await ReadAsync(response, uri, cancellation);
        JsonObject description = BoundedJson.ParseObject(bytes, uri.ToString());
        string? commit = description["sha"] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
        if (commit is null || !HubRepository.IsCommitName(commit))
            throw new MerganserException($"{uri}: the answer names no commit");
        return (commit, HubFile.ReadAll(description, uri.ToString()));
    }

    /// <summary>Asks for a file, from a byte on.</summary>
    /// <exception cref="MerganserException">The server refuses.</exception>
    public async Task<HttpResponseMessage> OpenAsync(HubRepository repository, string commit, HubFile file, long from, CancellationToken cancellation)
    {
        string path = string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString));
        var uri = new Uri(_options.Endpoint, $"{repository.Name}/resolve/{commit}/{path}");
        HttpResponseMessage response = await SendAsync(uri, from, cancellation);
        try
        {
            Check(response, repository, uri);
            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> SendAsync(Uri uri, long from, CancellationToken cancellation)
    {
        for (int hop = 0; hop <= MostRedirections; hop++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, uri);
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            if (_options.Token is { } token && IsOwn(uri))
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (response.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect))
                return response;
            Uri? next = response.Headers.Location is { } location ? new Uri(uri, location) : null;
            response.Dispose();
            if (next is null || next.Scheme is not ("http" or "https") || (uri.Scheme == "https" && next.Scheme != "https"))
                throw new MerganserException($"{uri}: redirects to {next?.ToString() ?? "nowhere"}, which is not followed");
            uri = next;
        }

        throw new MerganserException($"{uri}: more than {MostRedirections} redirections");
    }

    private bool IsOwn(Uri uri) => uri.Scheme == _options.Endpoint.Scheme && uri.Authority == _options.Endpoint.Authority;

    /// <summary>Errors that another try does not mend end here; the others are for whoever tries again.</summary>
    private void Check(HttpResponseMessage response, HubRepository repository, Uri uri)
    {
        int status = (int)response.StatusCode;
        if (response.StatusCode is HttpStatusCode.OK or HttpStatusCode.PartialContent)
            return;
        string token = _options.Token is null ? "set HF_TOKEN to an access token" : "the access token does not give access: accept the model's terms on its page, or check the token";
        throw status switch
        {
            401 or 403 => new MerganserException($"{repository}: is private, gated or does not exist ({status}); {token}"),
            404 => new MerganserException($"{repository}: not found at {_options.Endpoint} ({uri.AbsolutePath})"),
            408 or 429 or >= 500 => new HttpRequestException($"{uri}: the server answers {status}", null, response.StatusCode),
            _ => new MerganserException($"{uri}: the server answers {status}"),
        };
    }

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, Uri uri, CancellationToken cancellation)
    {
        await using Stream stream = await response.Content.ReadAsStreamAsync(cancellation);
        using var bytes = new MemoryStream();
        byte[] buffer = new byte[1 << 16];
        for (int read = await stream.ReadAsync(buffer, cancellation); read > 0; read = await stream.ReadAsync(buffer, cancellation))
        {
            bytes.Write(buffer, 0, read);
            if (bytes.Length > MostDescriptionBytes)
                throw new MerganserException($"{uri}: the answer is longer than {ByteSize.Format(MostDescriptionBytes)}");
        }

        return bytes.ToArray();
    }
}
