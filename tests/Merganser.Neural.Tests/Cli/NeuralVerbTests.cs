using Merganser.Cli.Neural;
using Merganser.Tests;

namespace Merganser.Neural.Tests.Cli;

/// <summary>The neural verbs from the command line, on the small models that the project ships.</summary>
[Collection(ThreadCount.Name)]
public sealed class NeuralVerbTests
{
    private static readonly string Model = Path.Combine(Golden.Repository, "models", "bytellama-140k", "ft-stories");

    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = Merganser.Cli.Program.Run(args, output, error, NeuralVerbs.All);
        return (code, output.ToString(), error.ToString());
    }

    [Fact]
    public void The_list_in_the_managed_program_names_every_verb_with_its_description()
    {
        string[] listed = File.ReadAllLines(Path.Combine(Golden.Repository, "src", "Merganser.Cli", "neural-verbs.txt"));
        Assert.Equal(NeuralVerbs.All.Select(verb => verb()).Select(command => $"{command.Name}\t{command.Description}"), listed);
    }

    [Fact]
    public void Generate_continues_a_prompt()
    {
        (int code, string output, string error) = Run("generate", Model, "Once upon a time", "-n", "20");
        Assert.Equal((0, ""), (code, error));
        Assert.Equal(20, output.TrimEnd('\r', '\n').Length);
    }

    [Fact]
    public void Generate_gives_the_same_text_with_and_without_the_decoder()
    {
        string[] generate = ["generate", Model, "Once upon a time", "-n", "60"];
        string expected = Run([.. generate, "--decode-dtype", "off"]).Output;
        foreach (string format in (ReadOnlySpan<string>)["auto", "fp32"])
            Assert.Equal((0, expected, ""), Run([.. generate, "--decode-dtype", format, "--threads", "2"]));
        foreach (string format in (ReadOnlySpan<string>)["bf16", "int8"])
        {
            (int code, string output, _) = Run([.. generate, "--decode-dtype", format]);
            Assert.Equal((0, 60), (code, output.TrimEnd('\r', '\n').Length));
        }
    }

    [Fact]
    public void Chat_answers_by_the_template_of_the_folder()
    {
        using var folder = new TempFolder();
        foreach (string file in Directory.EnumerateFiles(Model))
            File.Copy(file, folder[Path.GetFileName(file)]);
        (int code, _, string error) = Run("chat", folder.Path, "-m", "hi");
        Assert.Equal(1, code);
        Assert.Contains("no chat template", error, StringComparison.Ordinal);

        File.WriteAllText(folder["chat_template.jinja"], "{% for m in messages %}{{ m.content }}{% endfor %}");
        (code, string answer, _) = Run("chat", folder.Path, "-m", "Once upon a time", "-n", "20");
        Assert.Equal(0, code);
        Assert.Equal(Run("generate", Model, "Once upon a time", "-n", "20").Output, answer);
    }

    [Fact]
    public void Perplexity_prints_a_row_for_each_file()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["a.txt"], "Once upon a time there was a dog.");
        (int code, string output, _) = Run("perplexity", Model, folder["a.txt"], "--context", "64");
        Assert.Equal(0, code);
        Assert.Contains("bits per byte", output, StringComparison.Ordinal);
        Assert.Contains("a.txt", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--top-p", "2", "top-p")]
    [InlineData("--device", "tpu", "tpu")]
    [InlineData("--dtype", "int3", "int3")]
    [InlineData("--threads", "-1", "--threads")]
    [InlineData("--decode-dtype", "int3", "--decode-dtype")]
    public void A_wrong_option_gives_one_line(string option, string value, string part)
    {
        (int code, string output, string error) = Run("generate", Model, "x", option, value);
        Assert.Equal((1, ""), (code, output));
        Assert.Contains(part, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }
}
