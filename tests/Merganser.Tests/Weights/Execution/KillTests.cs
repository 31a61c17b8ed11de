using System.Diagnostics;
using Merganser.Weights.Execution;

namespace Merganser.Tests.Weights.Execution;

/// <summary>Kills a merge at random moments: nothing may look finished, and resuming must give the same bytes.</summary>
public sealed class KillTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Twenty_killed_runs_are_resumed_to_the_bytes_of_a_run_that_was_left_alone()
    {
        foreach ((string name, int seed) in new[] { ("base", 1), ("a", 2), ("b", 3) })
            SyntheticModel.Write(_folder[name], seed, layers: 300);
        File.WriteAllText(
            _folder["recipe.yml"],
            $$"""
            merge_method: dare_ties
            base_model: {{_folder["base"]}}
            models:
              - model: {{_folder["a"]}}
                parameters: {weight: 0.6, density: 0.5}
              - model: {{_folder["b"]}}
                parameters: {weight: 0.5, density: 0.4}
            dtype: float32
            """);
        Assert.Equal(0, CommandLine.RunProcess("merge", _folder["recipe.yml"], _folder["reference"]).ExitCode);
        byte[] expected = File.ReadAllBytes(_folder["reference", "model.safetensors"]);

        var random = new Random(20);
        int interrupted = 0;
        for (int round = 0; round < 20; round++)
        {
            using (Process process = CommandLine.Start("merge", _folder["recipe.yml"], _folder["out"], "--threads", "2", "--quiet"))
            {
                // The moment is a share of the work, seen in the journal: a moment in time would depend on how busy the machine is.
                long journal = (long)(random.NextDouble() * 0.8 * 900 * 16);
                var file = new FileInfo(_folder["out.partial", RunJournal.FileName]);
                while (!process.HasExited && (!file.Exists || file.Length < journal))
                    file.Refresh();
                if (!process.HasExited)
                {
                    process.Kill();
                    process.WaitForExit();
                }
            }

            bool finished = Directory.Exists(_folder["out"]);
            if (!finished)
            {
                interrupted++;
                (int code, _, string error) = CommandLine.RunProcess("merge", _folder["recipe.yml"], _folder["out"], "--resume");
                Assert.True(code == 0, error);
            }

            Assert.True(expected.AsSpan().SequenceEqual(File.ReadAllBytes(_folder["out", "model.safetensors"])), $"round {round}: other bytes");
            Assert.Equal(
                Directory.GetFiles(_folder["reference"]).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal),
                Directory.GetFiles(_folder["out"]).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
            Assert.False(Directory.Exists(_folder["out.partial"]));
            Directory.Delete(_folder["out"], recursive: true);
        }

        Assert.True(interrupted >= 5, $"only {interrupted} of 20 runs were killed before their end; the test no longer tests what it says");
    }
}
