using System.Text.Json.Nodes;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Vision;
using Merganser.Neural.Tests.Models;
using Merganser.Neural.Training;
using Merganser.Neural.Training.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Training;

/// <summary>The tasks: what they give to a model, what they call the loss, what they measure.</summary>
public sealed class TaskTests
{
    private static T New<T>(string config)
        where T : PretrainedModel => (T)PretrainedModel.CreateNew(new ModelConfig(JsonNode.Parse(config)!.AsObject(), "config.json"), 7);

    private static EncoderModel Encoder() => New<EncoderModel>("""
        {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "vocab_size": 20, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
         "num_attention_heads": 2, "max_position_embeddings": 16, "type_vocab_size": 2, "num_labels": 3, "initializer_range": 0.3}
        """);

    private static VisionModel Vision(int channels) => New<VisionModel>($$"""
        {"architectures": ["ViTForImageClassification"], "model_type": "vit", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
         "image_size": 4, "patch_size": 2, "num_channels": {{channels}}, "num_labels": 3, "initializer_range": 0.3}
        """);

    [Fact]
    public void Padding_changes_no_text()
    {
        using EncoderModel model = Encoder();
        using DisposeScope scope = NewDisposeScope();
        int[][] rows = [[1, 2, 3, 4, 5, 6, 7], [1, 9], [1, 4, 4]];
        int[] labels = [2, 0, 1];
        var task = new TextTask(model, rows, labels, rows, labels);
        double Loss(params int[] examples) => task.Loss(new TrainingBatch(examples, 0, 0, 0)).Value.ToDouble();
        Assert.Equal((Loss(0) + Loss(1) + Loss(2)) / 3, Loss(0, 1, 2), 1e-5);
        TrainingEvaluation evaluation = task.Evaluate()!;
        Assert.Equal(Loss(0, 1, 2), evaluation.Loss, 1e-5);
        Assert.Contains(evaluation.Score!.Value, (double[])[0, 1.0 / 3, 2.0 / 3, 1]);
        Assert.Equal(("texts", 3, 3L), (task.Unit, task.Count, task.Loss(new TrainingBatch([0, 1, 2], 0, 0, 0)).Units));
    }

    [Fact]
    public void Smoothed_labels_mix_the_target_with_the_mean_of_all_classes()
    {
        using EncoderModel model = Encoder();
        using DisposeScope scope = NewDisposeScope();
        double Loss(int label, double smoothing) => new TextTask(model, [[1, 2, 3]], [label], [], []) { LabelSmoothing = smoothing }.Loss(new TrainingBatch([0], 0, 0, 0)).Value.ToDouble();
        double mean = (Loss(0, 0) + Loss(1, 0) + Loss(2, 0)) / 3;
        Assert.Equal((0.7 * Loss(1, 0)) + (0.3 * mean), Loss(1, 0.3), 1e-5);
        Assert.Null(new TextTask(model, [[1]], [0], [], []).Evaluate());
    }

    [Fact]
    public void Pixels_are_normalised_by_channel_in_the_planes_that_the_model_takes()
    {
        using VisionModel model = Vision(3);
        using DisposeScope scope = NewDisposeScope();
        var set = new ImageSet(3, 4, 4, [.. Enumerable.Range(0, 2 * 48).Select(i => (byte)(2 * i))], [1, 2], []);
        Tensor pixels = ImageTask.Pixels(model, set, [1], [0.1, 0.2, 0.3], [0.5, 0.25, 1]);
        Assert.Equal([1L, 3, 4, 4], pixels.shape);
        (double Mean, double Deviation)[] by = [(0.1, 0.5), (0.2, 0.25), (0.3, 1)];
        for (int channel = 0; channel < 3; channel++)
            Assert.Equal((((2.0 * (48 + (channel * 16) + 6)) / 255) - by[channel].Mean) / by[channel].Deviation, pixels[0, channel, 1, 2].ToDouble(), 1e-5);
    }

    [Fact]
    public void Grey_images_of_other_sizes_fit_a_model_of_colours()
    {
        using VisionModel model = Vision(3);
        using DisposeScope scope = NewDisposeScope();
        var set = new ImageSet(1, 8, 8, [.. Enumerable.Repeat((byte)51, 128)], [0, 2], []);
        Assert.Equal([2L, 3, 4, 4], ImageTask.Pixels(model, set, [0, 1], [0], [1]).shape);
        Assert.Equal(0.2, ImageTask.Pixels(model, set, [0], [0], [1])[0, 2, 3, 3].ToDouble(), 1e-6);
        var task = new ImageTask(model, set, set, [0.5], [0.5]);
        Assert.Equal(task.Loss(new TrainingBatch([0, 1], 0, 0, 0)).Value.ToDouble(), task.Evaluate()!.Loss, 1e-5);
        Assert.Equal("images", task.Unit);
    }

    [Fact]
    public void Windows_predict_every_token_but_the_first_once()
    {
        using CausalLm model = TinyModel.New("llama");
        using DisposeScope scope = NewDisposeScope();
        int[] tokens = [.. Enumerable.Range(0, 17).Select(i => i * 7 % TinyModel.Vocabulary)];
        var task = new CausalTask(model, tokens, tokens, 4);
        Assert.Equal(4, task.Count);
        double sum = 0;
        for (int window = 0; window < 4; window++)
        {
            Tensor ids = tensor([.. tokens.Skip(4 * window).Take(4).Select(id => (long)id)], [1, 4]);
            Tensor logs = nn.functional.log_softmax(model.Forward(ids).Logits, -1);
            for (int i = 0; i < 4; i++)
                sum -= logs[0, i, tokens[(4 * window) + i + 1]].ToDouble();
        }

        Assert.Equal(sum / 16, task.Loss(new TrainingBatch([0, 1, 2, 3], 0, 0, 0)).Value.ToDouble(), 1e-5);
        Assert.Equal(sum / 16, task.Evaluate()!.Loss, 1e-5);
        Assert.Throws<MerganserException>(() => new CausalTask(model, tokens[..4], [], 4));
        Assert.Throws<MerganserException>(() => new CausalTask(model, [1, 2, TinyModel.Vocabulary], [], 1));
    }
}
