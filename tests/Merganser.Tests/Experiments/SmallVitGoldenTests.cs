using System.Text.Json.Nodes;
using Merganser.Checkpoints;
using Merganser.Experiments;

namespace Merganser.Tests.Experiments;

/// <summary>The forward pass against features, logits and accuracies that PyTorch gave for the same weights and images.</summary>
public sealed class SmallVitGoldenTests
{
    private static readonly string Family = Path.Combine(Golden.Repository, "models", "vit28-tasks");
    private static readonly string References = Golden.Folder("checkpoints", "vit28-tasks");

    private static TaskEvaluation OpenTasks() => TaskEvaluation.Open(Path.Combine(Family, "heads.safetensors"), Path.Combine(Family, "images"));

    [Fact]
    public void Features_and_logits_are_those_of_the_reference()
    {
        TaskEvaluation tasks = OpenTasks();
        using Checkpoint reference = CheckpointReader.Open(Path.Combine(References, "reference.safetensors"));
        Assert.NotEmpty(reference.Tensors);
        foreach ((string name, TensorSource expected) in reference.Tensors)
        {
            // <base or ft>.<task>.<features or logits>
            string[] parts = name.Split('.');
            using Checkpoint weights = CheckpointReader.Open(Path.Combine(Family, parts[0] == "base" ? "base" : $"ft-{parts[1]}"));
            int count = (int)expected.Info.Shape[0];
            (float[] features, float[] logits) = tasks.Predict(new SmallVit(weights), parts[1], count);
            float[] actual = parts[2] == "features" ? features : logits, wanted = new float[expected.Info.ElementCount];
            byte[] bytes = new byte[expected.Info.ByteCount];
            expected.Read(0, bytes);
            TensorCast.ToSingle(bytes, expected.Info.DType, wanted);
            Assert.Equal(wanted.Length, actual.Length);
            for (int i = 0; i < wanted.Length; i++)
                Assert.True(Math.Abs(wanted[i] - actual[i]) <= 1e-4, $"{name}[{i}]: {wanted[i]:R} was expected, {actual[i]:R} came");
        }
    }

    [Fact]
    public void Accuracies_are_those_of_the_reference()
    {
        TaskEvaluation tasks = OpenTasks();
        JsonObject table = JsonNode.Parse(File.ReadAllText(Path.Combine(References, "accuracies.json")))!.AsObject();
        int rows = 0;
        foreach ((string name, JsonNode? expected) in table)
        {
            // Rows of merged weights are in the table, too; only the trained ones are shipped.
            string folder = Path.Combine(Family, name == "base" ? name : $"ft-{name}");
            if (!Directory.Exists(folder))
                continue;
            rows++;
            using Checkpoint weights = CheckpointReader.Open(folder);
            double[] accuracies = tasks.Accuracies(new SmallVit(weights));
            for (int task = 0; task < accuracies.Length; task++)
            {
                // One image may fall on the other side of a tie between two arithmetics.
                double wanted = (double)expected![tasks.Tasks[task]]!;
                Assert.Equal(wanted, accuracies[task], 0.5e-3 + 1.0 / 468);
            }
        }

        Assert.True(rows >= 2, "the base and at least one expert must be in the table");
    }
}
