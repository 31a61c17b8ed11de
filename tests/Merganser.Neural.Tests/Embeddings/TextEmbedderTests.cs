using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Embeddings;
using Merganser.Tests;
using Microsoft.Extensions.AI;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Embeddings;

/// <summary>Vectors of texts from folders of every family.</summary>
public sealed class TextEmbedderTests
{
    private static readonly string[] Texts = ["a fine film", "the film is not very fine", "poor", ""];

    public static TheoryData<string> Families() => [TinyFolders.Bert, TinyFolders.Roberta, TinyFolders.T5, TinyFolders.Llama, TinyFolders.Clip];

    [Theory]
    [MemberData(nameof(Families))]
    public void A_text_has_the_same_vector_alone_and_beside_longer_ones(string config)
    {
        using var folder = new TempFolder();
        using TextEmbedder embedder = TextEmbedder.Load(TinyFolders.Make(folder, config));
        float[][] together = embedder.Embed(Texts);
        for (int i = 0; i < Texts.Length; i++)
            Assert.Equal(embedder.Embed([Texts[i]])[0], together[i], (x, y) => Math.Abs(x - y) < 1e-5);
        Assert.NotEqual(together[0], together[1]);
    }

    [Fact]
    public void Folders_without_modules_take_the_mean_or_the_last_token()
    {
        using var folder = new TempFolder();
        (string Config, Pooling Expected)[] usual = [(TinyFolders.Bert, Pooling.Mean), (TinyFolders.T5, Pooling.Mean), (TinyFolders.Llama, Pooling.Last), (TinyFolders.Clip, Pooling.Pooler)];
        foreach ((string config, Pooling expected) in usual)
        {
            using TextEmbedder embedder = TextEmbedder.Load(TinyFolders.Make(folder, config, $"m{(int)expected}{config.Length}"));
            Assert.Equal([expected], embedder.Poolings);
            Assert.False(embedder.Normalizes);
        }
    }

    [Fact]
    public void Modules_say_poolings_dense_layers_length_and_prompts()
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, TinyFolders.Bert);
        float[] cls = One(model, Pooling.Cls, "the a film"), mean = One(model, Pooling.Mean, "the a film");
        Write(folder["model/modules.json"], """
            [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
             {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}, {"idx": 3, "name": "3", "path": "3_Normalize", "type": "sentence_transformers.models.Normalize"}]
            """);
        Write(folder["model/1_Pooling/config.json"], """{"word_embedding_dimension": 16, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": false}""");
        Write(folder["model/2_Dense/config.json"], """{"in_features": 32, "out_features": 3, "bias": true, "activation_function": "torch.nn.modules.activation.Tanh"}""");
        float[] weight = [.. Enumerable.Range(0, 96).Select(i => MathF.Sin(i) / 4)], bias = [0.1f, -0.2f, 0.3f];
        SafetensorsFile.Write(folder["model/2_Dense/model.safetensors"], [(new TensorInfo("linear.bias", DType.F32, [3]), Bytes(bias)), (new TensorInfo("linear.weight", DType.F32, [3, 32]), Bytes(weight))]);
        Write(folder["model/sentence_bert_config.json"], """{"max_seq_length": 5, "do_lower_case": false}""");
        Write(folder["model/config_sentence_transformers.json"], """{"prompts": {"query": "the ", "": ""}, "default_prompt_name": null}""");

        float[] joined = [.. cls, .. mean], expected = new float[3];
        for (int row = 0; row < 3; row++)
            expected[row] = MathF.Tanh(bias[row] + Enumerable.Range(0, 32).Sum(i => weight[(row * 32) + i] * joined[i]));
        float length = MathF.Sqrt(expected.Sum(value => value * value));
        using TextEmbedder embedder = TextEmbedder.Load(model, new EmbeddingOptions { PromptName = "query" });
        Assert.Equal([Pooling.Cls, Pooling.Mean], embedder.Poolings);
        Assert.True(embedder.Normalizes);
        float[][] rows = embedder.Embed(["a film", "a film very fine"]);
        Assert.Equal([.. expected.Select(value => value / length)], rows[0], (x, y) => Math.Abs(x - y) < 1e-5);
        Assert.Equal(rows[0], rows[1], (x, y) => Math.Abs(x - y) < 1e-5); // [CLS] the a film [SEP]: the rest is beyond five tokens.

        using TextEmbedder plain = TextEmbedder.Load(model, new EmbeddingOptions { Normalize = false, Dimensions = 2 });
        Assert.Equal(expected[..2], plain.Embed(["the a film"])[0], (x, y) => Math.Abs(x - y) < 1e-5);
    }

    [Fact]
    public void A_prompt_may_be_left_out_of_the_pooling()
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, TinyFolders.Bert);
        Write(folder["model/modules.json"], """[{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]""");
        Write(folder["model/1_Pooling/config.json"], """{"pooling_mode_mean_tokens": true, "include_prompt": false}""");
        using TextEmbedder embedder = TextEmbedder.Load(model, new EmbeddingOptions { Prompt = "the film " });
        using DisposeScope scope = NewDisposeScope();
        using BertModel bert = PretrainedModel.Load<BertModel>(model);
        Tensor hidden = bert.Forward(tensor((long[])[2, 9, 5, 4, 6, 3], [1, 6])).LastHiddenState;
        float[] expected = [.. hidden.narrow(1, 3, 3).mean([1]).data<float>()];
        Assert.Equal(expected, embedder.Embed(["a fine"])[0], (x, y) => Math.Abs(x - y) < 1e-5);
    }

    [Theory]
    [InlineData("""[{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "x", "type": "sentence_transformers.models.LSTM"}]""", "LSTM")]
    [InlineData("""[{"path": "../x", "type": "sentence_transformers.models.Transformer"}]""", "'path'")]
    [InlineData("""{"a": 1}""", "list of modules")]
    [InlineData("""[1]""", "an object")]
    [InlineData("""[""", "not valid JSON")]
    [InlineData("""[{"path": "", "type": "Transformer"}, {"path": "1_Pooling", "type": "Pooling"}]""", "1_Pooling")]
    public void Wrong_modules_are_told_in_one_line(string modules, string expected)
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, TinyFolders.Bert);
        Write(folder["model/modules.json"], modules);
        MerganserException error = Assert.Throws<MerganserException>(() => TextEmbedder.Load(model));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    /// <summary>Sums are split by the process's number of threads, which other tests set: equal rows differ in the last bits.</summary>
    private static bool Near(float x, float y) => Math.Abs(x - y) < 1e-6f;

    [Fact]
    public async Task It_is_an_embedding_generator_for_several_callers_at_once()
    {
        using var folder = new TempFolder();
        string model = TinyFolders.Make(folder, TinyFolders.Bert);
        using TextEmbedder generator = TextEmbedder.Load(model, new EmbeddingOptions { Normalize = true, Batch = 2 });
        CancellationToken token = TestContext.Current.CancellationToken;
        GeneratedEmbeddings<Embedding<float>>[] all = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => generator.GenerateAsync(Texts, cancellationToken: token)));
        Assert.All(all, rows => Assert.All(rows.Zip(all[0]), pair => Assert.Equal(pair.Second.Vector.ToArray(), pair.First.Vector.ToArray(), Near)));
        Assert.Equal(Texts.Length, all[0].Count);
        Assert.Equal(model, generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelId);
        Assert.IsType<BertModel>(generator.GetService<BertModel>());
        Embedding<float> shorter = Assert.Single(await generator.GenerateAsync([Texts[0]], new EmbeddingGenerationOptions { Dimensions = 4 }, token));
        Assert.Equal(4, shorter.Vector.Length);
        Assert.Equal(1, shorter.Vector.ToArray().Sum(value => value * value), 1e-5);
        await Assert.ThrowsAsync<MerganserException>(() => generator.GenerateAsync([Texts[0]], new EmbeddingGenerationOptions { Dimensions = 400 }, token));
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => generator.GenerateAsync(Texts, cancellationToken: cancelled.Token));
    }

    private static float[] One(string model, Pooling pooling, string text)
    {
        using TextEmbedder embedder = TextEmbedder.Load(model, new EmbeddingOptions { Pooling = pooling });
        return embedder.Embed([text])[0];
    }

    private static void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    private static byte[] Bytes(float[] values) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
}
