using System.Diagnostics;

namespace Merganser.Tests.Cli;

/// <summary>
/// What <c>./merganser</c> builds when it is run: one native binary. The binary is built by the first run and again when
/// sources changed, so these tests cost a compilation only where the next run of the launcher would.
/// </summary>
public sealed class LauncherTests
{
    private const long MaxBytes = 30_000_000;
    private static readonly string Launcher = Path.Combine(Golden.Repository, "merganser");

    [Fact]
    public void The_launcher_builds_one_native_binary_under_30_MB_that_merges_as_the_library_does()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("the launcher is a shell script; Windows has merganser.ps1");
        (int code, string log) = Run(Launcher, "--version");
        Assert.True(code == 0, log);
        string folder = Path.Combine(Golden.Repository, "artifacts", "cli"), binary = Path.Combine(folder, "merganser");
        if (!File.Exists(binary))
        {
            // publish-native.sh ends with a line of its own where it cannot work; whatever else it says is a failed build.
            string reason = File.ReadAllText(Path.Combine(folder, "native.log")).Trim();
            if (reason.StartsWith("publish-native: ", StringComparison.Ordinal))
                Assert.Skip(reason);
            if (reason.Contains("error NU1", StringComparison.Ordinal))
                Assert.Skip("the native compiler's package cannot be restored: " + reason);
            Assert.Fail(reason);
        }

        Assert.Equal(["merganser"], Directory.GetFiles(folder).Select(Path.GetFileName).Where(name => !name!.StartsWith('.')));
        Assert.True(new FileInfo(binary).Length < MaxBytes, $"the binary has {new FileInfo(binary).Length} bytes");
        foreach (string recipe in (string[])[DareTies, Slerp])
            MergesAsTheLibraryDoes(binary, recipe);
    }

    [Fact]
    public void The_launcher_refuses_a_build_it_does_not_know()
    {
        if (OperatingSystem.IsWindows())
            Assert.Skip("the launcher is a shell script; Windows has merganser.ps1");
        (int code, string log) = Run("env", "MERGANSER_BUILD=fast", Launcher, "--version");
        Assert.Equal(2, code);
        Assert.Contains("MERGANSER_BUILD is 'fast'", log, StringComparison.Ordinal);
    }

    private static string DareTies => $$"""
        merge_method: dare_ties
        base_model: {{Model("base")}}
        models:
          - model: {{Model("ft-mnist")}}
            parameters: { weight: 0.5, density: 0.5 }
          - model: {{Model("ft-quickdraw-3")}}
            parameters: { weight: 0.5, density: 0.5 }
        dtype: float32
        """;

    private static string Slerp => $$"""
        merge_method: slerp
        base_model: {{Model("ft-mnist")}}
        models:
          - model: {{Model("ft-mnist")}}
          - model: {{Model("ft-quickdraw-3")}}
        parameters: { t: 0.3 }
        dtype: bfloat16
        """;

    private static string Model(string name) => Path.Combine(Golden.Repository, "models", "vit28-tasks", name);

    /// <summary>The same recipe by the native binary and by the ordinary build: the same bytes.</summary>
    private static void MergesAsTheLibraryDoes(string binary, string yaml)
    {
        using var folder = new TempFolder();
        string recipe = folder["recipe.yml"];
        File.WriteAllText(recipe, yaml);
        (int code, string log) = Run(binary, "merge", recipe, folder["by-native"], "--quiet");
        Assert.True(code == 0, log);
        (code, string output, string error) = CommandLine.Run("merge", recipe, folder["by-managed"], "--quiet");
        Assert.True(code == 0, output + error);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["by-managed"], "model.safetensors")), File.ReadAllBytes(Path.Combine(folder["by-native"], "model.safetensors")));
    }

    private static (int ExitCode, string Log) Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
