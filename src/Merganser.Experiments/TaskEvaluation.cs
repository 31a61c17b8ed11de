using System.Numerics.Tensors;
using Merganser.Checkpoints;

namespace Merganser.Experiments;

/// <summary>Which images of a task count.</summary>
public enum ImagePart
{
    /// <summary>All of them.</summary>
    All,

    /// <summary>Every second one, from the first: for choosing.</summary>
    Validation,

    /// <summary>The others: for reporting what was chosen.</summary>
    Test,
}

/// <summary>Accuracies of small vision transformers on tasks that each have images and a frozen head.</summary>
public sealed class TaskEvaluation
{
    private const int BatchSize = 8;

    private readonly List<LabelledTask> _tasks = [];

    private TaskEvaluation()
    {
    }

    /// <summary>The names of the tasks, in ordinal order.</summary>
    public IReadOnlyList<string> Tasks => [.. _tasks.Select(task => task.Images.Name)];

    /// <summary>Opens the tasks that have a head.</summary>
    /// <param name="headsPath">A safetensors file with <c>task.weight</c> [classes, width] and <c>task.bias</c> for every task.</param>
    /// <param name="imagesFolder">A folder with a folder of IDX files for every task.</param>
    /// <exception cref="MerganserException">Something is missing or malformed.</exception>
    public static TaskEvaluation Open(string headsPath, string imagesFolder)
    {
        using Checkpoint heads = CheckpointReader.Open(headsPath);
        var reader = new WeightReader(heads);
        var evaluation = new TaskEvaluation();
        foreach (string name in heads.Tensors.Keys.Where(name => name.EndsWith(".weight", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            string task = name[..^".weight".Length];
            if (task != Path.GetFileName(task) || task is "" or "." or "..")
                throw new MerganserException($"{headsPath}: tensor '{name}': a task is the name of a folder");
            long[] shape = reader.Shape(name, 2);
            IdxImages images = IdxImages.OpenTestPart(Path.Combine(imagesFolder, task));
            foreach (byte label in images.Labels)
            {
                if (label >= shape[0])
                    throw new MerganserException($"{imagesFolder}: task '{task}' has a label {label}, its head only {shape[0]} classes");
            }

            evaluation._tasks.Add(new LabelledTask(images, reader.Linear(task, checked((int)shape[1]), checked((int)shape[0])), (int)shape[0], (int)shape[1]));
        }

        return evaluation;
    }

    /// <summary>The share of correctly classified images per task, in the order of <see cref="Tasks"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="part">The images that count.</param>
    public double[] Accuracies(SmallVit model, ImagePart part = ImagePart.All) => [.. _tasks.Select(task => Accuracy(model, task, part))];

    /// <summary>Features and logits of the first images of a task.</summary>
    internal (float[] Features, float[] Logits) Predict(SmallVit model, string taskName, int count)
    {
        LabelledTask task = _tasks.Single(task => task.Images.Name == taskName);
        return Predict(model, task, 0, 1, count);
    }

    private static double Accuracy(SmallVit model, LabelledTask task, ImagePart part)
    {
        int start = part == ImagePart.Test ? 1 : 0, step = part == ImagePart.All ? 1 : 2;
        int images = (task.Images.Count - start + step - 1) / step;
        int batches = (images + BatchSize - 1) / BatchSize, correct = 0;
        Parallel.For(0, batches, batch =>
        {
            int first = start + (batch * BatchSize * step), count = Math.Min(BatchSize, images - (batch * BatchSize)), hits = 0;
            (_, float[] logits) = Predict(model, task, first, step, count);
            for (int image = 0; image < count; image++)
            {
                ReadOnlySpan<float> scores = logits.AsSpan(image * task.Classes, task.Classes);
                if (TensorPrimitives.IndexOfMax(scores) == task.Images.Labels[first + (image * step)])
                    hits++;
            }

            Interlocked.Add(ref correct, hits);
        });
        return images == 0 ? double.NaN : (double)correct / images;
    }

    private static (float[] Features, float[] Logits) Predict(SmallVit model, LabelledTask task, int first, int step, int count)
    {
        if (model.Width != task.Width)
            throw new MerganserException($"the model's features have {model.Width} numbers, the head of task '{task.Images.Name}' takes {task.Width}; are they of one family?");
        int area = model.ImageSize * model.ImageSize;
        float[] pixels = new float[count * area];
        for (int image = 0; image < count; image++)
            Scale(task.Images, first + (image * step), model.ImageSize, pixels.AsSpan(image * area, area));
        float[] features = model.Features(pixels, count);
        return (features, task.Head.Apply(features, count));
    }

    /// <summary>Pixels to −1…1; smaller images are repeated as often as they fit and centred on black.</summary>
    private static void Scale(IdxImages images, int image, int size, Span<float> output)
    {
        int factor = Math.Min(size / Math.Max(1, images.Height), size / Math.Max(1, images.Width));
        if (factor == 0)
            throw new MerganserException($"the images of task '{images.Name}' are {images.Height}×{images.Width}, the model takes {size}×{size}");
        int top = (size - factor * images.Height) / 2, left = (size - factor * images.Width) / 2;
        ReadOnlySpan<byte> source = images[image];
        output.Fill(-1);
        for (int row = 0; row < factor * images.Height; row++)
        {
            for (int column = 0; column < factor * images.Width; column++)
                output[(top + row) * size + left + column] = (source[row / factor * images.Width + column / factor] / 255f - 0.5f) / 0.5f;
        }
    }

    private sealed record LabelledTask(IdxImages Images, Linear Head, int Classes, int Width);
}
