using System.Text.Json.Nodes;
using System.Xml.Linq;
using Merganser.Cli.Neural;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Tests.Processing;
using Merganser.Tests;
using SkiaSharp;

namespace Merganser.Neural.Tests.Cli;

/// <summary><c>--reduce</c>, <c>sweep</c> and <c>visualize</c> on a random model.</summary>
public sealed class ReductionVerbTests
{
    private const string Vit = """
        {"architectures": ["ViTForImageClassification"], "model_type": "vit", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "image_size": 16, "patch_size": 4, "initializer_range": 0.5, "id2label": {"0": "red", "1": "blue"}}
        """;

    private const string Bert = """
        {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "vocab_size": 12, "hidden_size": 16, "intermediate_size": 24,
         "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 8, "initializer_range": 0.5, "id2label": {"0": "bad", "1": "good"}}
        """;

    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = Merganser.Cli.Program.Run(args, output, error, NeuralVerbs.All);
        return (code, output.ToString(), error.ToString());
    }

    private static string Model(TempFolder folder, string config = Vit)
    {
        using PretrainedModel model = PretrainedModel.CreateNew(new ModelConfig(JsonNode.Parse(config)!.AsObject(), "config.json"), 3);
        model.Save(folder["model"]);
        foreach (string label in (string[])["red", "blue"])
        {
            Directory.CreateDirectory(folder[$"images/{label}"]);
            for (int i = 0; i < 4; i++)
            {
                int shift = i;
                PictureTests.Write(folder[$"images/{label}/{i}.png"], 16, 16, (x, y) => new SKColor((byte)(x * 15), (byte)(y * 9 * shift), (byte)(label == "red" ? 0 : 255)));
            }
        }

        return folder["model"];
    }

    [Theory]
    [InlineData("classify")]
    [InlineData("embed")]
    public void Verbs_run_with_fewer_tokens_and_say_so(string verb)
    {
        using var folder = new TempFolder();
        string model = Model(folder);
        string[] command = [verb, model, folder["images"], .. verb == "classify" ? new[] { "--json" } : []];
        (int plainCode, string plain, _) = Run(command);
        (int code, string reduced, string error) = Run([.. command, "--reduce", "tome", "--r", "4"]);
        Assert.Equal((0, 0), (plainCode, code));
        Assert.NotEqual(plain, reduced);
        Assert.Contains("17 tokens become 9", error);
        Assert.Equal(plain, Run([.. command, "--reduce", "tome", "--r", "0"]).Output);
    }

    [Theory]
    [InlineData("tome", "--keep 0", "above 0")]
    [InlineData("tome", "", "one budget")]
    [InlineData("tome", "--r 2 --keep 0.5", "one budget")]
    [InlineData("pitome", "--keep 0.2", "0.5 to 1")]
    [InlineData("nothing", "--r 2", "unknown")]
    [InlineData("diffrate", "--rates deit-s-2.9", "12")]
    [InlineData("tome", "--rates deit-s-2.9", "diffrate")]
    public void Wrong_budgets_are_one_line(string reducer, string options, string part)
    {
        using var folder = new TempFolder();
        (int code, _, string error) = Run(["classify", Model(folder), folder["images"], "--reduce", reducer, .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.Equal(1, code);
        Assert.Contains(part, error);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    [Fact]
    public void Models_without_such_an_encoder_are_refused()
    {
        using TempFolder folder = new(), other = new();
        string model = Model(folder, Bert);
        (int code, _, string error) = Run("sweep", model, folder["images"], "--r", "2");
        Assert.Equal(1, code);
        Assert.Contains("relative or windowed positions", error);
        Assert.Contains("name the reducer", Run("classify", Model(other), other["images"], "--r", "2").Error);
    }

    [Fact]
    public void A_sweep_prints_a_table_and_writes_csv_and_a_curve()
    {
        using var folder = new TempFolder();
        (int code, string output, string error) = Run("sweep", Model(folder), folder["images"], "--reduce", "tome,pitome,random-drop,grid,kth,diffrate,prune", "--flops", "0.8,0.6", "--csv", folder["table.csv"], "--svg", folder["curve.svg"], "-b", "3");
        Assert.True(code == 0, error);
        Assert.Contains("8 images", output);
        string[] lines = File.ReadAllLines(folder["table.csv"]);
        Assert.Equal(1 + 1 + (7 * 2), lines.Length);
        Assert.All(lines, line => Assert.Equal(lines[0].Count(c => c == ','), line.Count(c => c == ',')));
        Assert.Equal("svg", XDocument.Parse(File.ReadAllText(folder["curve.svg"])).Root!.Name.LocalName);
        Assert.Equal(2, lines.Count(line => line.StartsWith("pitome", StringComparison.Ordinal)));
        Assert.Contains("one of --flops", Run("sweep", folder["model"], folder["images"], "--flops", "0.5", "--r", "2").Error);
        Assert.Contains("no number", Run("sweep", folder["model"], folder["images"], "--r", "x").Error);
    }

    [Fact]
    public void A_picture_is_drawn_with_its_groups()
    {
        using var folder = new TempFolder();
        string model = Model(folder), picture = folder["images/blue/2.png"];
        string[] reduce = ["--reduce", "tome", "--r", "4"];
        (int code, string output, string error) = Run(["visualize", model, picture, .. reduce, "-o", folder["all.html"]]);
        Assert.True(code == 0, error);
        Assert.Contains("17 tokens become 13, 9", output);
        string page = File.ReadAllText(folder["all.html"]);
        Assert.Equal(3, page.Split("<figure").Length - 1);
        Assert.DoesNotContain("http", page.Replace("http-equiv", "", StringComparison.Ordinal)); // Nothing is fetched.
        Assert.Equal(0, Run(["visualize", model, picture, .. reduce, "-o", folder["all.svg"]]).Code);
        Assert.Equal(3, XDocument.Parse(File.ReadAllText(folder["all.svg"])).Descendants().Count(element => element.Name.LocalName == "image"));
        Assert.Equal(0, Run(["visualize", model, picture, .. reduce, "-o", folder["one.png"], "--block", "2"]).Code);
        Picture drawn = Picture.Read(folder["one.png"]);
        Assert.Equal((448, 448), (drawn.Height, drawn.Width));
        Assert.Equal(0, Run(["visualize", model, picture, "--reduce", "prune", "--r", "4", "-o", folder["pruned.png"]]).Code);
        Assert.Contains(".html", Run(["visualize", model, picture, .. reduce, "-o", folder["x.gif"]]).Error);
        Assert.Contains("blocks 1 to 2", Run(["visualize", model, picture, .. reduce, "-o", folder["x.png"], "--block", "3"]).Error);
        Assert.Contains("--reduce tome", Run("visualize", model, picture, "-o", folder["x.png"]).Error);
    }

    [Fact]
    public void Rates_are_learned_and_taken()
    {
        using var folder = new TempFolder();
        string model = Model(folder), rates = folder["rates.json"];
        (int code, string output, string error) = Run("learn-rates", model, folder["images"], "--flops", "0.95", "--steps", "40", "-b", "4", "--granularity", "1", "-o", rates);
        Assert.True(code == 0, error);
        Assert.Contains("of the operations", output);
        Assert.Equal(0, Run("classify", model, folder["images"], "--reduce", "diffrate", "--rates", rates).Code);
        Assert.Contains("reach from", Run("learn-rates", model, folder["images"], "--flops", "0.01", "-o", rates, "--overwrite").Error);
        Assert.Contains("--overwrite", Run("learn-rates", model, folder["images"], "--flops", "0.7", "-o", rates).Error);
        Assert.Contains("--steps", Run("learn-rates", model, folder["images"], "--flops", "0.7", "--steps", "0", "-o", folder["x.json"]).Error);
    }
}
