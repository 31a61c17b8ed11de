using System.CommandLine;
using System.Globalization;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Processing;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tokens;
using TorchSharp;

namespace Merganser.Cli.Neural;

/// <summary><c>visualize</c>: a picture with its merged tokens, block by block.</summary>
internal static class VisualizeVerb
{
    public static Command Create()
    {
        var model = new ModelArguments();
        var picture = new Argument<string>("picture") { Description = "a picture" };
        var output = new Option<string>("--out", "-o") { Description = "the file: .html (a page with a slider over the blocks), .svg or .png (all blocks side by side)", DefaultValueFactory = _ => "tokens.html" };
        var block = new Option<int?>("--block") { Description = "draw only this block, from 1" };
        var reduction = new ReductionArguments();
        var command = new Command("visualize", "A picture with the groups that its tokens merge into, block by block");
        model.AddTo(command);
        command.Add(picture);
        reduction.AddTo(command);
        command.Add(output);
        command.Add(block);
        command.SetAction((parsed, _) =>
        {
            string path = parsed.GetValue(output)!, kind = Path.GetExtension(path).ToLowerInvariant();
            if (kind is not (".html" or ".svg" or ".png"))
                throw new MerganserException($"--out is '{path}'; it must end in .html, .svg or .png");
            Picture image = Picture.Read(parsed.GetRequiredValue(picture));
            using PretrainedModel loaded = PretrainedModel.Load(parsed.GetRequiredValue(model.Model), model.Options(parsed));
            TokenReducer reducer = reduction.Reducer(parsed, loaded) ?? throw new MerganserException("name what merges: --reduce tome --r 8");
            VisionEncoder encoder = ReductionArguments.Encoder(loaded);
            ImageProcessor processor = ImageProcessor.Load(loaded);
            GroupTrace trace;
            using (DisposeScope scope = torch.NewDisposeScope())
                trace = GroupTrace.Run(encoder, processor.Process([image]), reducer);
            if (parsed.GetValue(block) is { } only && (only < 1 || only > trace.Blocks.Count))
                throw new MerganserException($"--block is {only}; the model has blocks 1 to {trace.Blocks.Count}");
            Write(path, kind, trace, new GroupPicture(processor.Fit(image), encoder.Shape.Grid), encoder.Shape, $"{Path.GetFileName(parsed.GetRequiredValue(picture))}, {reducer.GetType().Name} {reducer.Budget}", parsed.GetValue(block));
            TextWriter console = parsed.InvocationConfiguration.Output;
            console.WriteLine($"{path}: {encoder.Shape.Tokens} tokens become {string.Join(", ", trace.Counts)}");
            return Task.FromResult(0);
        });
        return command;
    }

    private static void Write(string path, string kind, GroupTrace trace, GroupPicture drawing, VisionShape shape, string title, int? only)
    {
        var sheets = new List<(string Caption, IReadOnlyList<int>? Groups)>();
        if (only is null)
            sheets.Add((string.Create(CultureInfo.InvariantCulture, $"the picture: {shape.Tokens} tokens"), null));
        for (int block = 0; block < trace.Blocks.Count; block++)
        {
            if (only is null || only == block + 1)
                sheets.Add((string.Create(CultureInfo.InvariantCulture, $"block {block + 1}: {trace.Counts[block]} tokens"), trace.Blocks[block]));
        }

        try
        {
            if (kind == ".png")
            {
                File.WriteAllBytes(path, drawing.Png([.. sheets.Select(sheet => drawing.Draw(sheet.Groups))], columns: 4));
                return;
            }

            GroupPage.Sheet[] drawn = [.. sheets.Select(sheet => new GroupPage.Sheet(sheet.Caption, drawing.Png(sheet.Groups)))];
            File.WriteAllText(path, kind == ".svg" ? GroupPage.Svg(title, drawn, drawing.Size) : GroupPage.Html(title, drawn, drawing.Size));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{path}: cannot be written: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }
}
