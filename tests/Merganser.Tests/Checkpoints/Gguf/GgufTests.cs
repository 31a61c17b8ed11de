using System.Buffers.Binary;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Formats;
using Merganser.Checkpoints.Gguf;
using Merganser.Weights;
using Merganser.Weights.Execution;
using Merganser.Weights.Moe;

namespace Merganser.Tests.Checkpoints.Gguf;

public sealed class GgufTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Model(params string[] parts) => Golden.Folder(["weights", "models", .. parts]);

    private GgufFile Export(string folder, GgufType type, out GgufExport report)
    {
        using ModelFolder model = ModelFolder.Open(folder);
        report = GgufExporter.Export(model, _folder["out.gguf"], type);
        return GgufFile.Open(_folder["out.gguf"]);
    }

    [Theory]
    [InlineData(GgufType.F32)]
    [InlineData(GgufType.F16)]
    [InlineData(GgufType.BF16)]
    public void Every_number_of_a_llama_comes_back_in_the_type_asked_for(GgufType type)
    {
        using ModelFolder model = ModelFolder.Open(Model("llama-a"));
        GgufFile file = Export(Model("llama-a"), type, out _);
        using Checkpoint weights = file.Weights;
        Assert.Equal(model.Weights.Tensors.Count, weights.Tensors.Count);
        GgufFamily family = GgufFamily.Of(model);
        foreach (TensorSource source in model.Weights.Tensors.Values)
        {
            TensorSource stored = weights.Tensors[family.Map(source.Info.Name, model)!];
            DType expected = source.Info.Shape.Length == 1 ? DType.F32 : type.ToDType();
            Assert.Equal(expected, stored.Info.DType);
            Assert.Equal(source.Info.Shape.AsSpan(), stored.Info.Shape.AsSpan());
            int heads = source.Info.Name.Contains("q_proj") ? 4 : source.Info.Name.Contains("k_proj") ? 2 : 0;
            float[] values = heads == 0 ? source.ReadSingles() : Interleave(source.ReadSingles(), heads, (int)source.Info.Shape[0], (int)source.Info.RowLength);
            Assert.Equal(TensorSources.ToBytes(values, expected), stored.ReadBytes());
        }
    }

    /// <summary>Heads of two halves of rows, written straight from the definition: new row 2j + p is old row p·half + j.</summary>
    private static float[] Interleave(float[] values, int heads, int rows, int columns)
    {
        float[] result = new float[values.Length];
        int half = rows / heads / 2;
        for (int head = 0; head < heads; head++)
        {
            for (int p = 0; p < 2; p++)
            {
                for (int j = 0; j < half; j++)
                    Array.Copy(values, ((head * 2 * half) + (p * half) + j) * columns, result, ((head * 2 * half) + (2 * j) + p) * columns, columns);
            }
        }

        return result;
    }

    [Theory]
    [InlineData(MoeLayout.Split, GgufType.F32)]
    [InlineData(MoeLayout.Fused, GgufType.F32)]
    [InlineData(MoeLayout.Split, GgufType.Q8)]
    public void The_experts_of_a_mixture_are_stacked_from_either_layout(MoeLayout layout, GgufType type)
    {
        string recipe = $"base_model: {Model("llama-a")}\ngate_mode: random\nexperts:\n  - source_model: {Model("llama-a")}\n  - source_model: {Model("llama-b")}\n  - source_model: {Model("llama-base")}\n";
        using (MergePlan plan = MoePlanner.Plan(MoeConfigReader.Read(recipe, "moe.yml"), new MoeOptions { Layout = layout }))
            MergeExecutor.Run(plan, _folder["mixture"], new MergeRunOptions());
        GgufFile file = Export(_folder["mixture"], type, out _);
        using Checkpoint weights = file.Weights;
        Assert.Equal("llama", file.Values["general.architecture"]);
        Assert.Equal(3u, file.Values["llama.expert_count"]);
        Assert.Equal(2u, file.Values["llama.expert_used_count"]);
        using ModelFolder mixture = ModelFolder.Open(_folder["mixture"]);
        ModelFolder[] experts = [.. ((string[])["llama-a", "llama-b", "llama-base"]).Select(name => ModelFolder.Open(Model(name)))];
        foreach (TensorSource router in mixture.Weights.Tensors.Values.Where(tensor => tensor.Info.Name.EndsWith(".gate.weight", StringComparison.Ordinal)))
        {
            string block = $"blk.{router.Info.Name.Split('.')[2]}.";
            Assert.Equal(DType.F32, weights.Tensors[block + "ffn_gate_inp.weight"].Info.DType);
            Assert.Equal(router.ReadSingles(), weights.Tensors[block + "ffn_gate_inp.weight"].ReadSingles());
            foreach (string part in (string[])["gate", "up", "down"])
            {
                TensorSource[] matrices = [.. experts.Select(expert => expert.Weights.Tensors[$"model.layers.{router.Info.Name.Split('.')[2]}.mlp.{part}_proj.weight"])];
                TensorSource stack = weights.Tensors[$"{block}ffn_{part}_exps.weight"];
                Assert.Equal([3, .. matrices[0].Info.Shape], stack.Info.Shape);
                float[] wanted = [.. matrices.SelectMany(matrix => matrix.ReadSingles())], found = stack.ReadSingles();
                for (int i = 0; i < wanted.Length; i++)
                    Assert.Equal(wanted[i], found[i], type == GgufType.F32 ? 0 : 1e-3f);
                Assert.DoesNotContain($"{block}ffn_{part}.weight", weights.Tensors.Keys);
            }
        }

        Array.ForEach(experts, expert => expert.Dispose());
    }

    [Theory]
    [InlineData("num_local_experts", "3", "2 gate matrices|3 experts|\\[3,")]
    [InlineData("num_local_experts", "1", "experts.1|\\[1,|of 1 experts")]
    [InlineData("num_local_experts", "\"x\"", "num_local_experts")]
    [InlineData("num_experts_per_tok", "3", "num_experts_per_tok")]
    public void Mixtures_whose_configuration_does_not_fit_are_refused_in_one_line(string key, string value, string expected)
    {
        string recipe = $"base_model: {Model("llama-a")}\ngate_mode: random\nexperts:\n  - source_model: {Model("llama-a")}\n  - source_model: {Model("llama-b")}\n";
        using (MergePlan plan = MoePlanner.Plan(MoeConfigReader.Read(recipe, "moe.yml"), new MoeOptions()))
            MergeExecutor.Run(plan, _folder["mixture"], new MergeRunOptions());
        using ModelFolder mixture = ModelFolder.Open(_folder["mixture"]);
        mixture.SetConfig(key, System.Text.Json.Nodes.JsonNode.Parse(value));
        MerganserException error = Assert.Throws<MerganserException>(() => GgufExporter.Export(mixture, _folder["x.gguf"], GgufType.F16, cancellation: TestContext.Current.CancellationToken));
        Assert.Matches(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.False(File.Exists(_folder["x.gguf"]));
    }

    [Fact]
    public void The_heads_of_the_golden_llama_are_those_of_its_configuration()
    {
        using ModelFolder model = ModelFolder.Open(Model("llama-a"));
        Assert.Equal((4, 2), (model.GetConfigInt("num_attention_heads"), model.GetConfigInt("num_key_value_heads")));
    }

    [Fact]
    public void The_metadata_say_what_the_configuration_says()
    {
        GgufFile file = Export(Model("tok-a"), GgufType.F16, out GgufExport report);
        using Checkpoint weights = file.Weights;
        Assert.Empty(report.Remarks);
        Assert.Equal("llama", file.Values["general.architecture"]);
        Assert.Equal(1u, file.Values["general.file_type"]);
        Assert.Equal(2u, file.Values["llama.block_count"]);
        Assert.Equal(16u, file.Values["llama.embedding_length"]);
        Assert.Equal(24u, file.Values["llama.feed_forward_length"]);
        Assert.Equal(2u, file.Values["llama.attention.head_count"]);
        Assert.Equal(1u, file.Values["llama.attention.head_count_kv"]);
        Assert.Equal(8u, file.Values["llama.rope.dimension_count"]);
        Assert.Equal(64u, file.Values["llama.context_length"]);
        Assert.Equal(20u, file.Values["llama.vocab_size"]);
        Assert.Equal(10_000f, file.Values["llama.rope.freq_base"]);
        Assert.Equal(1e-5f, file.Values["llama.attention.layer_norm_rms_epsilon"]);
    }

    [Fact]
    public void A_tokenizer_json_with_blank_marks_becomes_a_sentencepiece_vocabulary()
    {
        GgufFile file = Export(Model("tok-a"), GgufType.F32, out _);
        using Checkpoint weights = file.Weights;
        object[] tokens = (object[])file.Values["tokenizer.ggml.tokens"];
        object[] kinds = (object[])file.Values["tokenizer.ggml.token_type"];
        object[] scores = (object[])file.Values["tokenizer.ggml.scores"];
        Assert.Equal("llama", file.Values["tokenizer.ggml.model"]);
        Assert.Equal(20, tokens.Length);
        Assert.Equal(["<unk>", "<s>", "</s>", "▁", "a"], tokens.Take(5));
        Assert.Equal([2, 3, 3, 1], kinds.Take(4));
        Assert.Equal("<|im_start|>", tokens[19]);
        Assert.Equal(4, kinds[19]);
        Assert.True((float)scores[14] > (float)scores[15], "'ab' is merged before 'cd'");
        Assert.Equal(1u, file.Values["tokenizer.ggml.bos_token_id"]);
        Assert.Equal(2u, file.Values["tokenizer.ggml.eos_token_id"]);
        Assert.Equal(true, file.Values["tokenizer.ggml.add_space_prefix"]);
        Assert.Equal(File.ReadAllText(Model("tok-a", "chat_template.jinja")), file.Values["tokenizer.chat_template"]);
    }

    [Fact]
    public void A_sentencepiece_model_is_taken_as_it_is()
    {
        GgufFile file = Export(Golden.Folder("models", "bytelevel-spm-llama"), GgufType.F32, out _);
        using Checkpoint weights = file.Weights;
        SentencePieceFile pieces = SentencePieceFile.Read(Golden.Folder("models", "bytelevel-spm-llama", "tokenizer.model"));
        object[] tokens = (object[])file.Values["tokenizer.ggml.tokens"];
        Assert.Equal(pieces.Pieces.Select(piece => piece.Text), tokens.Take(pieces.Pieces.Count));
        Assert.Equal(weights.Tensors["token_embd.weight"].Info.Shape[0], tokens.Length);
        Assert.Contains(pieces.Pieces, piece => piece is { Text: "<0x41>", Kind: PieceKind.Byte });
        Assert.DoesNotContain("output.weight", weights.Tensors.Keys);
    }

    [Fact]
    public void Byte_level_vocabularies_keep_their_merges_and_padding_rows_get_names()
    {
        CopyModel(Model("tok-a"));
        File.WriteAllText(_folder["tokenizer.json"], """
            {"added_tokens": [{"id": 3, "content": "<|end|>", "special": true}],
             "pre_tokenizer": {"type": "ByteLevel", "use_regex": true},
             "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}
            """);
        GgufFile file = Export(_folder.Path, GgufType.F32, out _);
        using Checkpoint weights = file.Weights;
        Assert.Equal("gpt2", file.Values["tokenizer.ggml.model"]);
        Assert.Equal("gpt-2", file.Values["tokenizer.ggml.pre"]);
        Assert.Equal(["a b"], (object[])file.Values["tokenizer.ggml.merges"]);
        object[] tokens = (object[])file.Values["tokenizer.ggml.tokens"];
        Assert.Equal(["a", "b", "ab", "<|end|>", "[PAD4]"], tokens.Take(5));
        Assert.Equal(20, tokens.Distinct().Count());
        Assert.DoesNotContain("tokenizer.ggml.scores", file.Values.Keys);
    }

    [Fact]
    public void A_token_beyond_the_rows_of_the_embedding_is_refused()
    {
        CopyModel(Model("tok-a"));
        File.WriteAllText(_folder["tokenizer.json"], """{"model": {"type": "BPE", "vocab": {"a": 20}, "merges": []}}""");
        MerganserException refused = Assert.Throws<MerganserException>(() => Export(_folder.Path, GgufType.F32, out _));
        Assert.Contains("id 20", refused.Message);
    }

    [Fact]
    public void Without_a_tokenizer_the_file_says_so()
    {
        GgufFile file = Export(Model("llama-a"), GgufType.F32, out GgufExport report);
        using Checkpoint weights = file.Weights;
        Assert.Equal("no_vocab", file.Values["tokenizer.ggml.model"]);
        Assert.Contains("no vocabulary", Assert.Single(report.Remarks));
    }

    [Fact]
    public void Matrices_with_odd_rows_are_wider_than_q8()
    {
        GgufFile file = Export(Golden.Folder("models", "hf-qwen3-gqa-tied"), GgufType.Q8, out _);
        using Checkpoint weights = file.Weights;
        Assert.All(weights.Tensors.Values, tensor => Assert.Equal(
            tensor.Info.Shape.Length == 1 ? GgufType.F32 : tensor.Info.RowLength % 32 == 0 ? GgufType.Q8 : GgufType.F16,
            file.Types[tensor.Info.Name]));
        Assert.Contains(GgufType.Q8, file.Types.Values);
    }

    [Fact]
    public void Q8_tensors_read_the_same_from_any_offset()
    {
        GgufFile file = Export(Golden.Folder("models", "hf-qwen3-gqa-tied"), GgufType.Q8, out _);
        using Checkpoint weights = file.Weights;
        TensorSource tensor = weights.Tensors.Values.First(tensor => file.Types[tensor.Info.Name] == GgufType.Q8);
        byte[] whole = tensor.ReadBytes();
        foreach ((int offset, int length) in new[] { (0, 1), (127, 2), (128, 128), (131, 777), (whole.Length - 5, 5), (3, whole.Length - 3), (whole.Length, 0) })
        {
            byte[] part = new byte[length];
            tensor.Read(offset, part);
            Assert.Equal(whole.AsSpan(offset, length).ToArray(), part);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => tensor.Read(whole.Length - 4, new byte[5]));
    }

    [Fact]
    public void Llama_3_scaling_slows_long_waves_only()
    {
        CopyModel(Golden.Folder("models", "hf-llama-gqa-llama3rope"));
        using (ModelFolder model = ModelFolder.Open(_folder.Path))
        {
            // The numbers of Llama 3.1 itself, for which the wavelengths 2π·500000^(2i/d) can be looked up.
            string rope = """{"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}""";
            File.WriteAllBytes(_folder["config.json"], model.EditConfig().Set("rope_parameters", System.Text.Json.Nodes.JsonNode.Parse(rope)!).ToArray());
        }

        GgufFile file = Export(_folder.Path, GgufType.F32, out _);
        using Checkpoint weights = file.Weights;
        float[] factors = weights.Tensors["rope_freqs.weight"].ReadSingles();
        for (int i = 0; i < factors.Length; i++)
        {
            double wavelength = 2 * Math.PI * Math.Pow(500_000, (double)i / factors.Length);
            if (wavelength < 2048)
                Assert.Equal(1f, factors[i]);
            else if (wavelength > 8192)
                Assert.Equal(8f, factors[i]);
            else
                Assert.InRange(factors[i], 1f, 8f);
        }

        Assert.Equal(1f, factors[0]);
        Assert.Equal(8f, factors[^1]);
    }

    [Fact]
    public void Gemma_norms_are_stored_with_one_added()
    {
        string[] names = ["model.embed_tokens.weight", "model.norm.weight", "model.layers.0.input_layernorm.weight"];
        string config = """
            {"architectures": ["GemmaForCausalLM"], "model_type": "gemma", "num_hidden_layers": 1, "hidden_size": 4, "num_attention_heads": 2, "head_dim": 2,
             "intermediate_size": 4, "max_position_embeddings": 8, "vocab_size": 3}
            """;
        File.WriteAllText(_folder["config.json"], config);
        SafetensorsFile.Write(_folder["model.safetensors"], names.Select((name, i) => (new TensorInfo(name, DType.F32, i == 0 ? [3, 4] : [4]), TensorSources.ToBytes(new float[i == 0 ? 12 : 4]))));
        GgufFile file = Export(_folder.Path, GgufType.F32, out _);
        using Checkpoint weights = file.Weights;
        Assert.Equal([1f, 1f, 1f, 1f], weights.Tensors["output_norm.weight"].ReadSingles());
        Assert.Equal(new float[12], weights.Tensors["token_embd.weight"].ReadSingles());
        Assert.Equal("gemma", file.Values["general.architecture"]);
    }

    [Fact]
    public void Models_without_a_mapping_are_refused()
    {
        MerganserException refused = Assert.Throws<MerganserException>(() => Export(Model("bert-a"), GgufType.F16, out _));
        Assert.Contains("'bert'", refused.Message);
        Assert.False(File.Exists(_folder["out.gguf"]));
    }

    [Fact]
    public void Biases_that_llama_cpp_does_not_load_are_refused()
    {
        MerganserException refused = Assert.Throws<MerganserException>(() => Export(Golden.Folder("models", "hf-qwen3-bias-untied"), GgufType.F16, out _));
        Assert.Contains(".bias'", refused.Message);
        GgufFile file = Export(Golden.Folder("models", "hf-qwen2-gqa-tied"), GgufType.F32, out _);
        using Checkpoint weights = file.Weights;
        Assert.Contains("blk.0.attn_q.bias", weights.Tensors.Keys);
    }

    [Fact]
    public void NaN_cannot_be_quantised_and_leaves_no_file()
    {
        CopyModel(Golden.Folder("models", "hf-llama-tied-linear"));
        using (ModelFolder model = ModelFolder.Open(_folder.Path))
        {
            (TensorInfo Info, byte[] Bytes)[] tensors = [.. model.Weights.Tensors.Values.Select(tensor => (tensor.Info, tensor.ReadBytes()))];
            byte[] embedding = tensors.Single(tensor => tensor.Info.Name == "model.embed_tokens.weight").Bytes;
            BinaryPrimitives.WriteSingleLittleEndian(embedding.AsSpan(40), float.NaN);
            SafetensorsFile.Write(_folder["changed.safetensors"], tensors);
        }

        File.Move(_folder["changed.safetensors"], _folder["model.safetensors"], overwrite: true);
        MerganserException refused = Assert.Throws<MerganserException>(() => Export(_folder.Path, GgufType.Q8, out _));
        Assert.Contains("model.embed_tokens.weight", refused.Message);
        Assert.DoesNotContain(Directory.EnumerateFiles(_folder.Path), file => file.Contains("gguf"));
    }

    private void CopyModel(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder))
            File.Copy(file, _folder[Path.GetFileName(file)]);
    }
}
