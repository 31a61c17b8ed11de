using System.Globalization;
using System.Text.Json.Nodes;
using Merganser.Cli.Neural;
using Merganser.Neural.Tests.Processing;
using Merganser.Tests;
using SkiaSharp;

namespace Merganser.Neural.Tests.Cli;

/// <summary><c>classify</c> on random models, as folders.</summary>
public sealed class ClassifyVerbTests
{
    private static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int code = Merganser.Cli.Program.Run(args, output, error, NeuralVerbs.All);
        return (code, output.ToString(), error.ToString());
    }

    [Fact]
    public void A_folder_per_class_gives_classes_and_accuracy_whatever_the_batch()
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, TinyFolders.Vit);
        foreach ((string name, SKColor colour) in ((string, SKColor)[])[("red", SKColors.Red), ("blue", SKColors.Blue)])
        {
            Directory.CreateDirectory(folder[$"images/{name}"]);
            for (int i = 0; i < 3; i++)
                PictureTests.Write(folder[$"images/{name}/{i}.png"], 9 + i, 7, (x, y) => new SKColor((byte)(colour.Red - x), colour.Green, (byte)(colour.Blue - (y * i))));
        }

        (int code, string output, string error) = Run("classify", model, folder["images"], "--top-k", "3", "--json", "--batch", "4");
        Assert.Equal(0, code);
        Assert.Contains("6 images in", error, StringComparison.Ordinal);
        JsonArray results = JsonNode.Parse(output)!["results"]!.AsArray();
        Assert.Equal(6, results.Count);
        int right = 0;
        foreach (JsonNode? result in results)
        {
            JsonArray classes = result!["classes"]!.AsArray();
            Assert.Equal(1.0, classes.Sum(row => row!["score"]!.GetValue<double>()), 5);
            right += classes[0]!["label"]!.GetValue<string>() == result["expected"]!.GetValue<string>() ? 1 : 0;
        }

        Assert.Equal(right / 6.0, JsonNode.Parse(output)!["accuracy"]!.GetValue<double>(), 9);
        string lines = Run("classify", model, folder["images"], "--batch", "1").Output;
        Assert.Equal(lines, Run("classify", model, folder["images"], "--batch", "32").Output);
        Assert.EndsWith(string.Create(CultureInfo.InvariantCulture, $"({right} of 6)"), lines.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_small_experts_with_their_heads_are_as_accurate_as_the_evaluation_in_managed_code_says()
    {
        string family = Path.Combine(Golden.Repository, "models", "vit28-tasks"), heads = Path.Combine(family, "heads.safetensors"), images = Path.Combine(family, "images");
        string[] tasks = [.. Directory.GetDirectories(images).Select(task => Path.GetFileName(task)!)];
        string[] experts = [.. tasks.Select(task => Path.Combine(family, $"ft-{task}"))];
        JsonNode expected = JsonNode.Parse(Run(["evaluate", .. experts, "--heads", heads, "--images", images, "--json"]).Output)!;
        for (int i = 0; i < tasks.Length; i++)
        {
            (int code, string output, _) = Run("classify", experts[i], Path.Combine(images, tasks[i]), "--head", $"{heads}:{tasks[i]}", "--summary", "--json");
            Assert.Equal(0, code);
            Assert.Equal(expected[experts[i]]![tasks[i]]!.GetValue<double>(), JsonNode.Parse(output)!["accuracy"]!.GetValue<double>(), 1e-9);
        }
    }

    [Fact]
    public void A_head_of_its_own_file_is_checked_and_its_classes_can_be_named()
    {
        using var folder = new TempFolder();
        string family = Path.Combine(Golden.Repository, "models", "vit28-tasks"), heads = Path.Combine(family, "heads.safetensors"), model = Path.Combine(family, "ft-quickdraw-3");
        PictureTests.Write(folder["x.png"], 28, 28, (x, y) => new SKColor((byte)(9 * x), (byte)(9 * y), 0));
        string[] classify = ["classify", model, folder["x.png"]];
        foreach ((string[] args, string expected) in ((string[], string)[])
            [([], "give --head"), (["--head", heads], "several heads"), (["--head", heads + ":cats"], "no head 'cats'"), (["--head", $"{heads}:quickdraw-3", "--labels", "cat,train"], "2 labels for the 3 classes"), (["--head", folder["none"]], "none")])
        {
            (int code, string output, string error) = Run([.. classify, .. args]);
            Assert.Equal((1, ""), (code, output));
            Assert.Contains(expected, error, StringComparison.Ordinal);
            Assert.Single(error.TrimEnd().Split('\n'));
        }

        string named = Run([.. classify, "--head", $"{heads}:quickdraw-3", "--labels", "cat,rainbow,train", "--top-k", "3"]).Output;
        Assert.All((string[])["cat ", "rainbow ", "train "], label => Assert.Contains(label, named, StringComparison.Ordinal));
    }

    [Fact]
    public void Texts_come_from_files_and_options_and_long_ones_are_cut()
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, TinyFolders.BertClassifier);
        File.WriteAllText(folder["a.tsv"], "good\tthe film is very fine\nbad\ta poor film\n");
        File.WriteAllText(folder["b.txt"], "the film is very fine\nnot very very very very very very very fine\n");
        (int code, string output, _) = Run("classify", model, folder["a.tsv"], folder["b.txt"], "--text", "a poor film", "--csv");
        Assert.Equal(0, code);
        string[] rows = output.TrimEnd().Split('\n', StringSplitOptions.TrimEntries);
        Assert.Equal("input,expected,label_1,score_1", rows[0]);
        Assert.Equal(6, rows.Length);
        // Rows: the text of the option, the two of the first file, the two of the second.
        (string Label, float Score)[] parsed = [.. rows[1..].Select(row => row.Split(',')).Select(cells => (cells[2], float.Parse(cells[3], CultureInfo.InvariantCulture)))];
        Assert.Equal(["", "good", "bad", "", ""], rows[1..].Select(row => row.Split(',')[1]));
        foreach ((int one, int other) in ((int, int)[])[(0, 2), (1, 3)])
        {
            Assert.Equal(parsed[one].Label, parsed[other].Label);
            Assert.Equal(parsed[one].Score, parsed[other].Score, 1e-5f);
        }
    }

    [Fact]
    public void What_does_not_fit_is_told_in_one_line()
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, TinyFolders.Vit);
        File.WriteAllText(folder["x.png"], "no picture");
        foreach ((string[] args, string expected) in ((string[], string)[])
            [(["x.png"], "no PNG"), (["nowhere"], "no such picture"), (["x.png", "--head", "h"], "h"), ([], "no pictures"), (["x.png", "--labels", "a,b"], "--labels are for CLIP"), (["x.png", "--batch", "0"], "--batch"), (["x.png", "--top-k", "0"], "--top-k"), (["--text", "a"], "--text")])
        {
            (int code, string output, string error) = Run(["classify", model, .. args.Select(arg => arg is "x.png" or "nowhere" ? folder[arg] : arg)]);
            Assert.Equal((1, ""), (code, output));
            Assert.Contains(expected, error, StringComparison.Ordinal);
            Assert.Single(error.TrimEnd().Split('\n'));
        }
    }

    [Fact]
    public void Clip_chooses_among_labels_of_the_user_and_wants_them()
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, TinyFolders.Clip);
        for (int i = 0; i < 3; i++)
            PictureTests.Write(folder[$"{i}.png"], 9, 7, (x, y) => new SKColor((byte)(80 * i), (byte)(30 * x), (byte)(30 * y)));
        string[] pictures = [folder["0.png"], folder["1.png"], folder["2.png"]];
        (int code, string output, string error) = Run(["classify", model, .. pictures, "--labels", "fine,poor", "--template", "a {} film", "--top-k", "5", "--json"]);
        Assert.Equal((0, true), (code, error.Contains("3 images", StringComparison.Ordinal)));
        foreach (JsonNode? result in JsonNode.Parse(output)!["results"]!.AsArray())
        {
            Assert.Equal(["fine", "poor"], result!["classes"]!.AsArray().Select(row => row!["label"]!.GetValue<string>()).Order());
            Assert.Equal(1.0, result["classes"]!.AsArray().Sum(row => row!["score"]!.GetValue<double>()), 5);
        }

        foreach ((string[] args, string expected) in ((string[], string)[])[([], "--labels"), (["--labels", "a", "--template", "none"], "{}"), (["--labels", "a", "--head", "h"], "--head")])
        {
            (code, output, error) = Run(["classify", model, .. pictures, .. args]);
            Assert.Equal((1, ""), (code, output));
            Assert.Contains(expected, error, StringComparison.Ordinal);
        }
    }
}
