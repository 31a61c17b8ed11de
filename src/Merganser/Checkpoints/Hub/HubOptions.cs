namespace Merganser.Checkpoints.Hub;

/// <summary>Where repositories come from and how.</summary>
public sealed record HubOptions
{
    /// <summary>The server; <c>HF_ENDPOINT</c> or Hugging Face by default.</summary>
    public Uri Endpoint { get; init; } = EndpointOf(HubCache.Variable("HF_ENDPOINT") ?? "https://huggingface.co");

    /// <summary>The access token; <c>HF_TOKEN</c>, else the file <c>token</c> of <c>HF_HOME</c>; sent to <see cref="Endpoint"/> only.</summary>
    public string? Token { get; init; } = HubCache.Variable("HF_TOKEN") ?? HubCache.Variable("HUGGING_FACE_HUB_TOKEN") ?? StoredToken();

    /// <summary>The local cache.</summary>
    public HubCache Cache { get; init; } = HubCache.Default;

    /// <summary>Files at once, 1 to 32.</summary>
    public int Connections { get; init; } = 4;

    /// <summary>How often a broken download goes on by itself before it is an error.</summary>
    public int Retries { get; init; } = 5;

    /// <summary>The wait before the first retry; it doubles each time.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Told of bytes as they arrive.</summary>
    public Action<long>? Received { get; init; }

    /// <summary>Reads the address of a server.</summary>
    /// <exception cref="MerganserException">It is no http or https address.</exception>
    public static Uri EndpointOf(string text) =>
        Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri!.UserInfo.Length == 0
            ? uri
            : throw new MerganserException($"'{text}' is no server: give an address that begins with https://");

    private static string? StoredToken()
    {
        string path = Path.Join(HubCache.Home, "token");
        try
        {
            return File.Exists(path) && new FileInfo(path).Length <= 1024 && File.ReadAllText(path).Trim() is { Length: > 0 } token ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
