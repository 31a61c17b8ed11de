using Merganser.Neural.Decoding;
using Merganser.Neural.Decoding.Cpu;
using Merganser.Neural.Models;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Decoding;

/// <summary>The decoder without libtorch against the reference's greedy ids and against the model, on all golden models of the family.</summary>
public sealed class LlamaDecoderGoldenTests
{
    private const int Added = 6;

    public static TheoryData<string> Folders => DecoderCases.Folders;

    public static TheoryData<string> Files => DecoderCases.Files;

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_gives_the_models_logits_and_the_reference_ids(string name)
    {
        using var scope = NewDisposeScope();
        using LlamaModel model = DecoderCases.OpenFolder(name);
        using var golden = new GoldenCase(Path.Combine(Golden.Folder("models", name), "expected.safetensors"));
        Check(model, golden["input.input_ids"], golden["output.greedy_ids"], Added);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_gives_the_models_logits_and_the_reference_ids(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("cache-decoding", name));
        using LlamaModel model = DecoderCases.OpenFile(name, golden);
        Check(model, golden["__ids"], golden["__greedy"], 2 * Added);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Rounded_weights_give_what_the_model_gives_with_rounded_weights(string name)
    {
        using var scope = NewDisposeScope();
        using LlamaModel model = DecoderCases.OpenFolder(name);
        using var golden = new GoldenCase(Path.Combine(Golden.Folder("models", name), "expected.safetensors"));
        int[] ids = DecoderCases.Row(golden["input.input_ids"], 0);
        using var rounded = new LlamaDecoder(model, new DecoderOptions { Weights = WeightFormat.BFloat16, HalfCache = false, Threads = 2 });
        foreach (ModelParameter parameter in model.Parameters.All.Where(parameter => parameter.Shape.Length == 2 && !parameter.IsTied))
            model.Parameters.Set(parameter, parameter.Value.to(ScalarType.BFloat16));
        DecoderCases.StepsAgree(model, rounded, ids, 1e-4);
        using var half = new LlamaDecoder(model, new DecoderOptions { Weights = WeightFormat.BFloat16, Threads = 2 });
        DecoderCases.StepsAgree(model, half, ids, 1e-2);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Eight_bits_per_weight_come_close(string name)
    {
        using var scope = NewDisposeScope();
        using LlamaModel model = DecoderCases.OpenFolder(name);
        using var golden = new GoldenCase(Path.Combine(Golden.Folder("models", name), "expected.safetensors"));
        using var decoder = new LlamaDecoder(model, new DecoderOptions { Weights = WeightFormat.Int8, Threads = 2 });
        DecoderCases.StepsAgree(model, decoder, DecoderCases.Row(golden["input.input_ids"], 0), 5e-2);
    }

    private static void Check(LlamaModel model, Tensor ids, Tensor greedy, int added)
    {
        foreach (int threads in (ReadOnlySpan<int>)[1, 2, 3])
        {
            using var decoder = new LlamaDecoder(model, new DecoderOptions { Threads = threads });
            for (int row = 0; row < ids.shape[0]; row++)
                DecoderCases.StepsAgree(model, decoder, DecoderCases.Row(ids, row), 1e-4);
            int[] all = DecoderCases.Row(greedy, 0);
            Assert.Equal(all[^added..], DecoderCases.Greedy(decoder, all[..^added], added));
        }
    }
}
