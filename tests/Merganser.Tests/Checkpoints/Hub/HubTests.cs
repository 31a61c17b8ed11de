using System.Text;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Hub;

namespace Merganser.Tests.Checkpoints.Hub;

public sealed class HubTests : IDisposable
{
    private static readonly string Model = Path.Join(Golden.Repository, "models", "bytellama-140k", "base");

    private readonly HubServer _server = new();
    private readonly TempFolder _cache = new();
    private long _received;

    public HubTests()
    {
        foreach (string file in Directory.GetFiles(Model))
            _server.Files.Add(Path.GetFileName(file), File.ReadAllBytes(file));
        _server.Files.Add("onnx/model.onnx", [1, 2, 3]);
        _server.Files.Add("pytorch_model.bin", [4, 5, 6]);
        _server.Large.Add("model.safetensors");
    }

    private HubOptions Options => new()
    {
        Endpoint = _server.Address,
        Token = null,
        Cache = new HubCache(_cache.Path),
        RetryDelay = TimeSpan.FromMilliseconds(1),
        Received = bytes => Interlocked.Add(ref _received, bytes),
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _server.Dispose();
        _cache.Dispose();
    }

    [Fact]
    public async Task A_pulled_model_is_the_model()
    {
        string snapshot = await PullAsync();
        Assert.Equal(_server.Files.Keys.Where(name => !name.Contains('/', StringComparison.Ordinal) && name != "pytorch_model.bin").Order(), Directory.GetFiles(snapshot).Select(Path.GetFileName).Order());
        foreach (string path in Directory.GetFiles(snapshot))
            Assert.Equal(_server.Files[Path.GetFileName(path)], await File.ReadAllBytesAsync(path, Cancellation));
        using ModelFolder pulled = ModelFolder.Open(snapshot), original = ModelFolder.Open(Model);
        Assert.Equal(original.Weights.Tensors.Values.Select(tensor => (tensor.Info.Name, tensor.Info.DType, tensor.Info.ShapeText)), pulled.Weights.Tensors.Values.Select(tensor => (tensor.Info.Name, tensor.Info.DType, tensor.Info.ShapeText)));
        Assert.Equal(snapshot, Options.Cache.Find(new HubRepository("some/model")));
        Assert.Equal(snapshot, Options.Cache.Find(new HubRepository("some/model", HubServer.Commit)));
        Assert.Null(Options.Cache.Find(new HubRepository("some/model", "v2")));
    }

    [Fact]
    public async Task What_is_there_is_not_downloaded_again()
    {
        await PullAsync();
        int before = _server.Requests.Count;
        await PullAsync();
        Assert.Equal(before + 1, _server.Requests.Count);
    }

    [Fact]
    public async Task A_broken_download_goes_on_where_it_broke_off()
    {
        _server.Files.Add("other.safetensors", [.. Enumerable.Range(0, 5000).Select(i => (byte)i)]);
        foreach (int bytes in (int[])[1000, 1500])
            _server.Cuts.Enqueue(bytes);
        await PullAsync(new HubSelection { Include = ["other.safetensors"] });
        Assert.Equal(
            ["GET", "GET", "bytes=1000-", "bytes=2500-"],
            _server.Requests.Select(request => request.Split(' ') is [_, _, var range] ? range : "GET"));
        Assert.Equal(5000, _received);
    }

    [Fact]
    public async Task A_second_run_goes_on_with_what_the_first_left()
    {
        _server.Files.Add("other.safetensors", [.. Enumerable.Range(0, 5000).Select(i => (byte)i)]);
        _server.Cuts.Enqueue(1234);
        var selection = new HubSelection { Include = ["other.safetensors"] };
        string message = (await Assert.ThrowsAsync<MerganserException>(() => PullAsync(selection, Options with { Retries = 0 }))).Message;
        Assert.Contains("other.safetensors broke off at 1234 of 5000 bytes", message, StringComparison.Ordinal);
        Assert.Null(Options.Cache.Find(new HubRepository("some/model")));
        await PullAsync(selection);
        Assert.EndsWith("bytes=1234-", _server.Requests.Last(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_without_ranges_sends_from_the_beginning()
    {
        _server.KnowsRanges = false;
        _server.Cuts.Enqueue(100);
        string snapshot = await PullAsync(new HubSelection { Include = ["config.json"] });
        Assert.Equal(_server.Files["config.json"], await File.ReadAllBytesAsync(Path.Join(snapshot, "config.json"), Cancellation));
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    public async Task Bytes_that_are_not_those_of_the_hash_are_refused(string file)
    {
        _server.Body = (name, bytes) => name == file ? [.. bytes.Select((value, index) => index == 7 ? (byte)(value ^ 1) : value)] : bytes;
        Assert.Contains("has the hash", (await Assert.ThrowsAsync<MerganserException>(() => PullAsync())).Message, StringComparison.Ordinal);
        Assert.Null(Options.Cache.Find(new HubRepository("some/model")));
        _server.Body = (_, bytes) => bytes;
        await PullAsync();
    }

    [Fact]
    public async Task A_server_that_is_busy_is_asked_again()
    {
        HubDownload download = await HubDownload.PlanAsync(new HubRepository("some/model"), Options, new HubSelection { Include = ["config.json"] }, Cancellation);
        foreach (int status in (int[])[503, 429])
            _server.Statuses.Enqueue(status);
        await download.RunAsync(Cancellation);
        Assert.Equal(4, _server.Requests.Count);
    }

    [Fact]
    public async Task The_token_goes_to_the_server_and_not_to_its_storage()
    {
        using var storage = new HubServer();
        storage.Files.Add("model.safetensors", _server.Files["model.safetensors"]);
        (_server.Token, _server.Storage) = ("secret", storage.Address);
        await PullAsync(options: Options with { Token = "secret" });
        Assert.All(_server.Requests, request => Assert.EndsWith("Bearer secret", request, StringComparison.Ordinal));
        Assert.Equal("GET /storage/model.safetensors", Assert.Single(storage.Requests));
        Assert.Contains("HF_TOKEN", (await Assert.ThrowsAsync<MerganserException>(() => PullAsync())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../outside.json")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../b.json")]
    [InlineData("a\\b.json")]
    [InlineData("")]
    public async Task Paths_that_leave_the_folder_are_refused(string path)
    {
        _server.Description = description =>
        {
            description["siblings"]![0]!["rfilename"] = path;
            return description;
        };
        Assert.Contains("would leave the folder", (await Assert.ThrowsAsync<MerganserException>(() => PullAsync())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("blobId", "../../x")]
    [InlineData("blobId", "ABC")]
    [InlineData("size", "12")]
    public async Task Hashes_and_sizes_are_checked(string key, string value)
    {
        _server.Description = description =>
        {
            foreach (JsonNode? entry in description["siblings"]!.AsArray())
                entry![key] = value;
            return description;
        };
        Assert.Contains("no size or no hash", (await Assert.ThrowsAsync<MerganserException>(() => PullAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task More_bytes_than_promised_are_refused()
    {
        _server.Body = (_, bytes) => [.. bytes, 0];
        Assert.Contains("longer than", (await Assert.ThrowsAsync<MerganserException>(() => PullAsync())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Torch_files_are_wanted_when_there_are_no_others()
    {
        _server.Files.Remove("model.safetensors");
        HubDownload download = await HubDownload.PlanAsync(new HubRepository("some/model"), Options, new HubSelection(), Cancellation);
        Assert.Contains("pytorch_model.bin", download.Files.Select(file => file.Path));
    }

    [Fact]
    public void The_verb_lists_downloads_and_copies()
    {
        string[] common = ["--mirror", _server.Address.ToString(), "--cache", _cache["cache"]];
        (int code, string output, _) = CommandLine.Run(["pull", "some/model", "--dry-run", .. common]);
        Assert.Equal(0, code);
        Assert.Contains("model.safetensors", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_cache["cache"]));
        Assert.Equal(0, CommandLine.Run(["pull", "some/model", _cache["out"], .. common]).ExitCode);
        using ModelFolder copy = ModelFolder.Open(_cache["out"]);
        Assert.NotEmpty(copy.Weights.Tensors);
        (code, _, string error) = CommandLine.Run(["pull", "some/model", _cache["out"], .. common]);
        Assert.Equal(1, code);
        Assert.Contains("--overwrite", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("other/model", "not found")]
    [InlineData("some/model@nowhere", "not found")]
    [InlineData("some/../model", "not the name of a repository")]
    public void The_verb_says_what_is_wrong(string repository, string expected)
    {
        (int code, _, string error) = CommandLine.Run("pull", repository, "--mirror", _server.Address.ToString(), "--cache", _cache["cache"]);
        Assert.Equal(1, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.False(Directory.Exists(_cache["cache"]));
    }

    [Theory]
    [InlineData("owner/name", "owner/name", "main")]
    [InlineData("gpt2", "gpt2", "main")]
    [InlineData("owner/name@refs/pr/3", "owner/name", "refs/pr/3")]
    [InlineData("a/b/c", null, null)]
    [InlineData("owner/../x", null, null)]
    [InlineData("owner/name@../x", null, null)]
    [InlineData("/absolute", null, null)]
    [InlineData("./here", null, null)]
    [InlineData("owner/na me", null, null)]
    [InlineData("", null, null)]
    public void Names_of_repositories(string text, string? name, string? revision)
    {
        var repository = HubRepository.TryParse(text);
        Assert.Equal((name, revision), (repository?.Name, repository?.Revision));
    }

    [Fact]
    public void A_name_that_is_neither_folder_nor_pulled_is_an_error_and_no_download()
    {
        string message = Assert.Throws<MerganserException>(() => ModelFolder.Open("nobody-has-this/model-here")).Message;
        Assert.Contains("merganser pull nobody-has-this/model-here", message, StringComparison.Ordinal);
        Assert.Empty(_server.Requests);
    }

    [Fact]
    public void A_reference_that_names_no_commit_is_refused()
    {
        Directory.CreateDirectory(_cache["models--some--model/refs"]);
        File.WriteAllText(_cache["models--some--model/refs/main"], "../../../etc", Encoding.ASCII);
        Assert.Contains("is no commit", Assert.Throws<MerganserException>(() => Options.Cache.Find(new HubRepository("some/model"))).Message, StringComparison.Ordinal);
    }

    private async Task<string> PullAsync(HubSelection? selection = null, HubOptions? options = null)
    {
        HubDownload download = await HubDownload.PlanAsync(new HubRepository("some/model"), options ?? Options, selection ?? new HubSelection(), Cancellation);
        return await download.RunAsync(Cancellation);
    }
}
