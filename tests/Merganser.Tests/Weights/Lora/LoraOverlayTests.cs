using System.Text.Json.Nodes;
using CsCheck;
using Merganser.Checkpoints;
using Merganser.Weights.Lora;

namespace Merganser.Tests.Weights.Lora;

public sealed class LoraOverlayTests : IDisposable
{
    private const string Layer = "base_model.model.model.layers.0.mlp.up_proj";
    private readonly TempFolder _folder = new();
    private readonly Random _random = new(3);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_update_is_scaled_by_alpha_over_rank()
    {
        MemoryTensor w = Weight(7, 5), a = A(2, 5), b = B(7, 2);
        float[] adapted = MemoryTensor.Values(Overlay("""{"r": 2, "lora_alpha": 6}""", [w], a, b)[w.Info.Name]);
        AssertClose(Straight(w, a, b, 3), adapted);
    }

    [Fact]
    public void With_rslora_the_scale_is_alpha_over_the_root_of_the_rank()
    {
        MemoryTensor w = Weight(7, 5), a = A(4, 5), b = B(7, 4);
        float[] adapted = MemoryTensor.Values(Overlay("""{"r": 4, "lora_alpha": 6, "use_rslora": true}""", [w], a, b)[w.Info.Name]);
        AssertClose(Straight(w, a, b, 3), adapted);
    }

    [Theory]
    [InlineData("up_proj")]
    [InlineData("model.layers.0.mlp.up_proj")]
    [InlineData("layers\\\\.[0-3]\\\\.mlp\\\\.(up|down)_proj")]
    public void Patterns_set_rank_and_alpha_of_some_modules(string pattern)
    {
        MemoryTensor w = Weight(7, 5), a = A(3, 5), b = B(7, 3);
        string config = $$"""{"r": 2, "lora_alpha": 6, "rank_pattern": {"q_proj": 9, "{{pattern}}": 3}, "alpha_pattern": {"{{pattern}}": 12} }""";
        AssertClose(Straight(w, a, b, 4), MemoryTensor.Values(Overlay(config, [w], a, b)[w.Info.Name]));
    }

    [Fact]
    public void A_pattern_matches_whole_parts_of_a_name_only()
    {
        MemoryTensor w = Weight(7, 5), a = A(2, 5), b = B(7, 2);
        string config = """{"r": 2, "lora_alpha": 2, "alpha_pattern": {"p_proj": 99}}""";
        AssertClose(Straight(w, a, b, 1), MemoryTensor.Values(Overlay(config, [w], a, b)[w.Info.Name]));
    }

    [Fact]
    public void Matrices_stored_in_out_get_the_transposed_update()
    {
        MemoryTensor w = Weight(5, 7), a = A(2, 5), b = B(7, 2);
        float[] adapted = MemoryTensor.Values(Overlay("""{"r": 2, "lora_alpha": 2, "fan_in_fan_out": true}""", [w], a, b)[w.Info.Name]);
        AssertClose(Transposed(Straight(MemoryTensor.Of("t", [7, 5], Transposed(MemoryTensor.Values(w), 5, 7)), a, b, 1), 7, 5), adapted);
    }

    [Fact]
    public void Embeddings_get_the_transposed_update()
    {
        MemoryTensor w = MemoryTensor.Random(_random, "model.embed_tokens.weight", 11, 4);
        MemoryTensor a = MemoryTensor.Random(_random, "base_model.model.model.embed_tokens.lora_embedding_A", 2, 11);
        MemoryTensor b = MemoryTensor.Random(_random, "base_model.model.model.embed_tokens.lora_embedding_B", 4, 2);
        float[] adapted = MemoryTensor.Values(Overlay("""{"r": 2, "lora_alpha": 4}""", [w], a, b)[w.Info.Name]);
        AssertClose(Transposed(Straight(MemoryTensor.Of("t", [4, 11], Transposed(MemoryTensor.Values(w), 11, 4)), a, b, 2), 4, 11), adapted);
    }

    [Fact]
    public void Kernels_of_a_convolution_are_updated_as_one_matrix()
    {
        MemoryTensor w = MemoryTensor.Random(_random, "model.layers.0.mlp.up_proj.weight", 6, 2, 3, 3);
        MemoryTensor a = MemoryTensor.Random(_random, Layer + ".lora_A.weight", 2, 2, 3, 3);
        MemoryTensor b = MemoryTensor.Random(_random, Layer + ".lora_B.weight", 6, 2, 1, 1);
        AssertClose(Straight(w, a, b, 0.5), MemoryTensor.Values(Overlay("""{"r": 2, "lora_alpha": 1}""", [w], a, b)[w.Info.Name]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void With_dora_every_output_unit_has_the_length_of_its_magnitude(bool stored)
    {
        (int rows, int columns) = stored ? (5, 7) : (7, 5);
        MemoryTensor w = Weight(rows, columns), a = A(2, 5), b = B(7, 2);
        float[] lengths = [1, 2, 3, 0.5f, 0, 7, 1.25f];
        MemoryTensor m = MemoryTensor.Of(Layer + ".lora_magnitude_vector", [7], lengths);
        string config = $$"""{"r": 2, "lora_alpha": 2, "use_dora": true, "fan_in_fan_out": {{(stored ? "true" : "false")}} }""";
        float[] adapted = MemoryTensor.Values(Overlay(config, [w], a, b, m)[w.Info.Name]);
        float[] units = stored ? Transposed(adapted, 5, 7) : adapted;
        float[] plain = MemoryTensor.Values(Overlay(config, [w], a, b)[w.Info.Name]);
        plain = stored ? Transposed(plain, 5, 7) : plain;
        for (int unit = 0; unit < 7; unit++)
        {
            double norm = Math.Sqrt(plain.Skip(unit * 5).Take(5).Sum(x => (double)x * x));
            for (int i = 0; i < 5; i++)
                Assert.Equal(plain[(unit * 5) + i] * lengths[unit] / norm, units[(unit * 5) + i], 1e-5);
        }
    }

    [Fact]
    public void Saved_modules_replace_the_models_and_biases_are_added()
    {
        MemoryTensor w = Weight(3, 4), a = A(1, 4), b = B(3, 1);
        MemoryTensor bias = MemoryTensor.Of("model.layers.0.mlp.up_proj.bias", [3], [1, 2, 3]);
        MemoryTensor shift = MemoryTensor.Of(Layer + ".lora_B.bias", [3], [10, 20, 30]);
        MemoryTensor norm = MemoryTensor.Of("model.norm.weight", [2], [1, 1], DType.BF16);
        MemoryTensor saved = MemoryTensor.Of("base_model.model.model.norm.modules_to_save.default.weight", [2], [5, 6]);
        Dictionary<string, TensorSource> tensors = Overlay("""{"r": 1, "lora_alpha": 2}""", [w, bias, norm], a, b, shift, saved);
        Assert.Equal([21, 42, 63], MemoryTensor.Values(tensors[bias.Info.Name]));
        Assert.Equal([5, 6], MemoryTensor.Values(tensors[norm.Info.Name]));
        Assert.Equal(DType.BF16, tensors[norm.Info.Name].Info.DType);
    }

    [Fact]
    public void Any_range_of_bytes_read_alone_is_that_part_of_the_whole()
    {
        // Rows of 700 elements make blocks of 46 rows: several blocks, the last one short.
        MemoryTensor w = Weight(100, 700), a = A(3, 700), b = B(100, 3);
        TensorSource adapted = Overlay("""{"r": 3, "lora_alpha": 3}""", [w], a, b)[w.Info.Name];
        byte[] whole = new byte[adapted.Info.ByteCount];
        adapted.Read(0, whole);
        Gen.Int[0, whole.Length - 1].SelectMany(start => Gen.Int[0, whole.Length - start].Select(length => (start, length))).Sample(
            range =>
            {
                byte[] part = new byte[range.length];
                adapted.Read(range.start, part);
                return part.AsSpan().SequenceEqual(whole.AsSpan(range.start, range.length));
            },
            iter: 200);
    }

    [Fact]
    public void Results_are_rounded_to_the_type_of_the_model()
    {
        MemoryTensor exact = Weight(3, 4), a = A(1, 4), b = B(3, 1);
        MemoryTensor w = MemoryTensor.Of(exact.Info.Name, [3, 4], MemoryTensor.Values(exact), DType.BF16);
        float[] wide = Straight(w, a, b, 1);
        byte[] bytes = new byte[24];
        TensorCast.FromSingle(wide, DType.BF16, bytes);
        float[] expected = new float[12];
        TensorCast.ToSingle(bytes, DType.BF16, expected);
        Assert.Equal(expected, MemoryTensor.Values(Overlay("""{"r": 1, "lora_alpha": 1}""", [w], a, b)[w.Info.Name]));
    }

    [Fact]
    public void Tensors_that_match_nothing_are_named()
    {
        MemoryTensor stray = MemoryTensor.Random(_random, "base_model.model.model.layers.9.q_proj.lora_A.weight", 1, 4);
        MerganserException error = Assert.Throws<MerganserException>(() => Overlay("""{"r": 1, "lora_alpha": 1}""", [Weight(3, 4)], stray));
        Assert.Contains("layers.9.q_proj.lora_A.weight", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bigger_vocabulary_is_refused_with_a_hint()
    {
        MemoryTensor w = MemoryTensor.Random(_random, "lm_head.weight", 10, 4);
        MemoryTensor saved = MemoryTensor.Random(_random, "base_model.model.lm_head.weight", 12, 4);
        Assert.Contains("vocabulary", Assert.Throws<MerganserException>(() => Overlay("""{"r": 1, "lora_alpha": 1}""", [w], saved)).Message, StringComparison.Ordinal);
        MemoryTensor a = MemoryTensor.Random(_random, "base_model.model.lm_head.lora_A.weight", 1, 4);
        MemoryTensor b = MemoryTensor.Random(_random, "base_model.model.lm_head.lora_B.weight", 12, 1);
        Assert.Contains("vocabulary", Assert.Throws<MerganserException>(() => Overlay("""{"r": 1, "lora_alpha": 1}""", [w], a, b)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Factors_that_do_not_fit_are_refused()
    {
        Assert.Contains("do not fit", Assert.Throws<MerganserException>(() => Overlay("""{"r": 1, "lora_alpha": 1}""", [Weight(3, 4)], A(1, 5), B(3, 1))).Message, StringComparison.Ordinal);
        Assert.Contains("rank", Assert.Throws<MerganserException>(() => Overlay("""{"r": 2, "lora_alpha": 1}""", [Weight(3, 4)], A(1, 4), B(3, 1))).Message, StringComparison.Ordinal);
        Assert.Contains("only one of", Assert.Throws<MerganserException>(() => Overlay("""{"r": 1, "lora_alpha": 1}""", [Weight(3, 4)], A(1, 4))).Message, StringComparison.Ordinal);
        MemoryTensor ints = new(new TensorInfo("model.layers.0.mlp.up_proj.weight", DType.I8, [3, 4]), new byte[12]);
        Assert.Contains("I8", Assert.Throws<MerganserException>(() => Overlay("""{"r": 1, "lora_alpha": 1}""", [ints], A(1, 4), B(3, 1))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]", "no JSON object")]
    [InlineData("{", "cannot be read")]
    [InlineData("""{"lora_alpha": 1}""", "'r'")]
    [InlineData("""{"r": "8", "lora_alpha": 1}""", "'r'")]
    [InlineData("""{"r": 0, "lora_alpha": 1}""", "below 1")]
    [InlineData("""{"r": 8, "lora_alpha": 1, "peft_type": "IA3"}""", "IA3")]
    [InlineData("""{"r": 8, "lora_alpha": 1, "rank_pattern": {"(a)\\1": 3}}""", "pattern")]
    [InlineData("""{"r": 8, "lora_alpha": 1, "use_rslora": 1}""", "use_rslora")]
    public void Bad_configurations_are_refused_with_the_file_and_the_key(string config, string expected)
    {
        MerganserException error = Assert.Throws<MerganserException>(() => Overlay(config, [Weight(3, 4)], A(1, 4), B(3, 1)));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("adapter_config.json", error.Message, StringComparison.Ordinal);
    }

    private MemoryTensor Weight(int rows, int columns) => MemoryTensor.Random(_random, "model.layers.0.mlp.up_proj.weight", rows, columns);

    private MemoryTensor A(int rank, int inputs) => MemoryTensor.Random(_random, Layer + ".lora_A.weight", rank, inputs);

    private MemoryTensor B(int outputs, int rank) => MemoryTensor.Random(_random, Layer + ".lora_B.weight", outputs, rank);

    private Dictionary<string, TensorSource> Overlay(string config, TensorSource[] model, params TensorSource[] adapter)
    {
        File.WriteAllText(_folder["adapter_config.json"], config);
        using var folder = new ModelFolder("base", new JsonObject(), new Checkpoint("base", model, []));
        return LoraOverlay.Overlay(folder, AdapterConfig.Read(_folder.Path), new Checkpoint(_folder.Path, adapter, []), _folder.Path);
    }

    /// <summary>W + s·B·A, in double.</summary>
    private static float[] Straight(TensorSource w, TensorSource a, TensorSource b, double scale)
    {
        float[] weights = MemoryTensor.Values(w), left = MemoryTensor.Values(b), right = MemoryTensor.Values(a);
        int rank = (int)a.Info.Shape[0], rows = (int)w.Info.Shape[0], columns = weights.Length / rows;
        for (int i = 0; i < weights.Length; i++)
        {
            double sum = 0;
            for (int k = 0; k < rank; k++)
                sum += (double)left[(i / columns * rank) + k] * right[(k * columns) + (i % columns)];
            weights[i] = (float)(weights[i] + (scale * sum));
        }

        return weights;
    }

    private static float[] Transposed(float[] matrix, int rows, int columns)
    {
        float[] result = new float[matrix.Length];
        for (int i = 0; i < matrix.Length; i++)
            result[(i % columns * rows) + (i / columns)] = matrix[i];
        return result;
    }

    private static void AssertClose(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-6 + (1e-5 * Math.Abs(expected[i])));
    }
}
