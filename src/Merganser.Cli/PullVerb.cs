using System.CommandLine;
using System.Globalization;
using Merganser.Checkpoints.Hub;
using Merganser.Weights.Execution;

namespace Merganser.Cli;

/// <summary><c>merganser pull owner/name[@revision] [folder]</c></summary>
internal static class PullVerb
{
    private const string Help = "Download a Hugging Face model: resumed where it broke off, every file checked against its hash.";

    public static Command Create()
    {
        var name = new Argument<string>("repository") { Description = "owner/name, or owner/name@revision (branch, tag or commit)" };
        var folder = new Argument<string?>("folder") { Description = "copy the model into this folder too; without it the local cache has it", Arity = ArgumentArity.ZeroOrOne };
        var include = new Option<string[]>("--include") { Description = "files to download, with * and ? [default: what a model needs]", AllowMultipleArgumentsPerToken = true };
        var exclude = new Option<string[]>("--exclude") { Description = "files to leave out", AllowMultipleArgumentsPerToken = true };
        var mirror = new Option<string?>("--mirror", "--endpoint") { Description = "another server than HF_ENDPOINT or https://huggingface.co" };
        var cache = new Option<string?>("--cache") { Description = "another cache than HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub" };
        var connections = new Option<int>("--connections", "-j") { Description = "files at once", DefaultValueFactory = _ => 4 };
        var dryRun = new Option<bool>("--dry-run") { Description = "list the files and stop" };
        var overwrite = new Option<bool>("--overwrite") { Description = "replace the folder if it exists" };
        var quiet = new Option<bool>("--quiet") { Description = "print the folder only" };
        var command = new Command("pull", Help) { name, folder, include, exclude, mirror, cache, connections, dryRun, overwrite, quiet };
        command.SetAction(async (parsed, cancellation) =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output, error = parsed.InvocationConfiguration.Error;
            bool isQuiet = parsed.GetValue(quiet);
            if (parsed.GetValue(connections) is < 1 or > 32)
                throw new MerganserException($"--connections is {parsed.GetValue(connections)}; it must be 1 to 32");
            long received = 0;
            HubOptions options = new() { Connections = parsed.GetValue(connections), Received = bytes => Interlocked.Add(ref received, bytes) };
            if (parsed.GetValue(mirror) is { } server)
                options = options with { Endpoint = HubOptions.EndpointOf(server) };
            if (parsed.GetValue(cache) is { } root)
                options = options with { Cache = new HubCache(Path.GetFullPath(root)) };
            var selection = new HubSelection { Include = parsed.GetValue(include) ?? [], Exclude = parsed.GetValue(exclude) ?? [] };

            HubDownload download = await HubDownload.PlanAsync(HubRepository.Parse(parsed.GetRequiredValue(name)), options, selection, cancellation);
            if (!isQuiet)
                output.WriteLine($"{download.Repository}: {download.Files.Count} files, {ByteSize.Format(download.Bytes)}, commit {download.Commit}");
            if (parsed.GetValue(dryRun))
            {
                foreach (HubFile file in download.Files)
                    output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {ByteSize.Format(file.Bytes),10}  {file.Path}"));
                return 0;
            }

            StagingFolder? staging = parsed.GetValue(folder) is { } target ? StagingFolder.Create(target, parsed.GetValue(overwrite)) : null;
            string snapshot;
            using (isQuiet ? null : new RunDisplay("pull", () => Share(received, download.Bytes), seconds => State(received, download.Bytes, seconds), error))
                snapshot = await download.RunAsync(cancellation);
            if (staging is not null)
                Copy(download, staging);
            output.WriteLine(staging?.Target ?? snapshot);
            return 0;
        });
        return command;
    }

    private static double Share(long received, long bytes) => bytes == 0 ? 1 : Math.Min(1, (double)received / bytes);

    private static string State(long received, long bytes, double seconds) =>
        string.Create(CultureInfo.InvariantCulture, $"{ByteSize.Format(received)} of {ByteSize.Format(bytes)}, {received / seconds / 1e6:F1} MB/s");

    private static void Copy(HubDownload download, StagingFolder staging)
    {
        foreach (HubFile file in download.Files)
        {
            string path = Path.Join(staging.Path, file.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.Copy(Path.Join(download.Snapshot, file.Path), path);
        }

        staging.Commit();
    }
}
