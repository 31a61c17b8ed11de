using Merganser.Neural.Decoding;
using Merganser.Neural.Decoding.Cpu;
using Merganser.Neural.Models;
using Merganser.Tests;
using static TorchSharp.torch;
using Generator = Merganser.Neural.Decoding.Generator;

namespace Merganser.Neural.Tests.Decoding;

/// <summary>Generation through the decoder against generation through the model, with the small byte model that the project ships.</summary>
public sealed class DecodedGenerationTests : IDisposable
{
    private static readonly string Folder = Path.Combine(Golden.Repository, "models", "bytellama-140k", "ft-stories");
    private readonly TextGenerator _text = TextGenerator.Load(Folder, null, null);

    public void Dispose() => _text.Dispose();

    public static TheoryData<string, double> Cases => new()
    {
        { "Once upon a time", 0 },
        { "Lily", 0 },
        { "A", 0 },
        { "Once upon a time", 0.8 },
        { "The dog", 1.2 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Formats_without_loss_give_the_same_text_as_the_model(string prompt, double temperature)
    {
        var options = new GenerationOptions { MaxNewTokens = 80, Temperature = temperature, TopK = temperature == 0 ? 0 : 20, Seed = 9 };
        int[] ids = _text.Tokenizer.EncodeToIds(prompt);
        using var plain = new Generator(_text.Model);
        int[] expected = [.. plain.Stream(ids, options)];
        Assert.False(plain.HasDecoder);
        foreach (WeightFormat? format in (ReadOnlySpan<WeightFormat?>)[null, WeightFormat.Float32])
        {
            using var decoded = new Generator(_text.Model, new DecoderOptions { Weights = format, Threads = 2 });
            Assert.True(decoded.HasDecoder);
            Assert.Equal(expected, decoded.Stream(ids, options));
        }
    }

    [Fact]
    public void Sequences_that_are_made_at_the_same_time_do_not_mix()
    {
        var options = new GenerationOptions { MaxNewTokens = 30 };
        int[][] prompts = [.. new[] { "Once upon a time", "The", "Lily and Tom went to" }.Select(text => _text.Tokenizer.EncodeToIds(text))];
        using var generator = new Generator(_text.Model, new DecoderOptions { Threads = 1 });
        int[][] alone = [.. prompts.Select(prompt => generator.Stream(prompt, options).ToArray())];
        IEnumerator<int>[] streams = [.. prompts.Select(prompt => generator.Stream(prompt, options).GetEnumerator())];
        for (int i = 0; i < 30; i++)
        {
            for (int row = 0; row < streams.Length; row++)
            {
                Assert.True(streams[row].MoveNext());
                Assert.Equal(alone[row][i], streams[row].Current);
            }
        }

        foreach (IEnumerator<int> stream in streams)
            stream.Dispose();
    }

    [Fact]
    public void A_stream_that_is_left_early_frees_its_decoder_also_after_the_generator()
    {
        int[] ids = _text.Tokenizer.EncodeToIds("Once");
        var generator = new Generator(_text.Model, new DecoderOptions { Threads = 2 });
        IEnumerator<int> left = generator.Stream(ids, new GenerationOptions()).GetEnumerator();
        Assert.True(left.MoveNext());
        generator.Dispose();
        Assert.True(left.MoveNext());
        left.Dispose();
        Assert.Throws<ObjectDisposedException>(() => generator.Stream(ids, new GenerationOptions()).First());
    }

    [Fact]
    public void Weights_that_fit_bfloat16_are_packed_so_and_others_are_not()
    {
        using LlamaModel model = DecoderCases.Medium();
        using (var decoder = new LlamaDecoder(model))
            Assert.Equal(WeightFormat.Float32, decoder.Weights);
        foreach (ModelParameter parameter in model.Parameters.All.Where(parameter => parameter.Shape.Length == 2 && !parameter.IsTied))
            model.Parameters.Set(parameter, parameter.Value.to(ScalarType.BFloat16));
        using (var decoder = new LlamaDecoder(model))
        {
            Assert.Equal(WeightFormat.BFloat16, decoder.Weights);
            DecoderCases.StepsAgree(model, decoder, DecoderCases.Ids(60, model.VocabularySize), 1e-4);
        }

        ModelParameter last = model.Parameters.All.Last(parameter => parameter.Shape.Length == 2 && !parameter.IsTied);
        Tensor changed = last.Value.clone();
        changed[-1, -1] = 0.1f;
        model.Parameters.Set(last, changed);
        using (var decoder = new LlamaDecoder(model))
            Assert.Equal(WeightFormat.Float32, decoder.Weights);
    }

    [Fact]
    public void A_format_for_another_family_is_refused_and_auto_goes_through_the_model()
    {
        using CausalLm model = PretrainedModel.Load<CausalLm>(Golden.Folder("models", "hf-gpt2-base"));
        using var plain = new Generator(model, new DecoderOptions());
        Assert.False(plain.HasDecoder);
        Assert.Equal(3, plain.Stream([1, 2], new GenerationOptions { MaxNewTokens = 3 }).Count());
        MerganserException error = Assert.Throws<MerganserException>(() => new Generator(model, new DecoderOptions { Weights = WeightFormat.Int8 }));
        Assert.Contains("gpt2", error.Message, StringComparison.Ordinal);
    }
}
