using System.Diagnostics;

namespace Merganser.Tests.Cli;

/// <summary>Publishes the command line as one native binary and merges with it. Slow: a whole-program compilation.</summary>
[Trait("Category", "Slow")]
public sealed class NativePublishTests
{
    private const long MaxBytes = 30_000_000;

    [Fact]
    public void One_native_binary_under_30_MB_merges()
    {
        if (!OnPath("clang") && !OnPath("gcc"))
            Assert.Skip("no native linker: install clang or gcc to have the native binary built and tested");
        using var folder = new TempFolder();
        (int code, string log) = Run("bash", Path.Combine(Golden.Repository, "eng", "publish-native.sh"), folder["native"]);
        Assert.True(code == 0, log);
        Assert.False(log.Contains("warning IL", StringComparison.Ordinal), log);
        string binary = Assert.Single(Directory.GetFiles(folder["native"]));
        Assert.True(new FileInfo(binary).Length < MaxBytes, $"the binary has {new FileInfo(binary).Length} bytes");

        // The same recipe by the native binary and by the ordinary build: the same bytes.
        string models = Path.Combine(Golden.Repository, "models", "vit28-tasks");
        string recipe = folder["recipe.yml"];
        File.WriteAllText(recipe, $$"""
            merge_method: dare_ties
            base_model: {{models}}/base
            models:
              - model: {{models}}/ft-mnist
                parameters: { weight: 0.5, density: 0.5 }
              - model: {{models}}/ft-quickdraw-3
                parameters: { weight: 0.5, density: 0.5 }
            dtype: float32
            """);
        (code, log) = Run(binary, "merge", recipe, folder["by-native"], "--quiet");
        Assert.True(code == 0, log);
        (code, string output, string error) = CommandLine.Run("merge", recipe, folder["by-managed"], "--quiet");
        Assert.True(code == 0, output + error);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["by-managed"], "model.safetensors")), File.ReadAllBytes(Path.Combine(folder["by-native"], "model.safetensors")));
    }

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, program)));

    private static (int ExitCode, string Log) Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
