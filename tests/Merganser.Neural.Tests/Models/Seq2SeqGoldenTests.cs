using Merganser.Neural.Models;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>T5, ByT5 and Whisper against the reference library: encoder, logits, greedy continuation with a cache; the table of relative positions.</summary>
public sealed class Seq2SeqGoldenTests
{
    public static TheoryData<string> Folders => ModelCases.Folders("t5", "whisper");

    public static TheoryData<string> BucketFiles => GoldenCase.Files("models", "t5-relative-buckets*.safetensors");

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_gives_the_reference_outputs(string name)
    {
        using var scope = NewDisposeScope();
        string folder = Golden.Folder("models", name);
        using Seq2SeqLm model = PretrainedModel.Load<Seq2SeqLm>(folder);
        using var golden = new GoldenCase(Path.Combine(folder, "expected.safetensors"));
        Tensor source = golden.Find("input.input_ids") ?? golden["input.input_features"], ids = golden["input.decoder_input_ids"];
        Tensor? mask = golden.Find("input.attention_mask");
        Tensor states = model.Encode(source, new EncoderInput { Mask = mask }).LastHiddenState;
        GoldenCase.Close(golden["output.encoder_last_hidden_state"], states, 1e-5, "encoder");
        GoldenCase.Close(golden["output.logits"], model.Forward(source, ids, mask), 1e-5, "logits");
        Tensor stepwise = Stepwise(model, ids, new Seq2SeqInput { EncoderStates = states, EncoderMask = mask });
        GoldenCase.Close(golden["output.logits"], stepwise, 1e-4, "logits one by one");
        if (golden.Find("output.greedy_ids") is not { } greedy)
            return;
        const int Added = 6;
        Tensor prompt = greedy.narrow(1, 0, greedy.shape[1] - Added);
        Tensor found = model.Greedy(source.narrow(0, 0, 1), Added, mask?.narrow(0, 0, 1), prompt, stopAtEnd: false);
        Assert.Equal(greedy.data<long>().ToArray(), found.data<long>().ToArray());
    }

    [Theory]
    [MemberData(nameof(BucketFiles))]
    public void Buckets_of_relative_positions_are_the_reference_ones(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenCase(Golden.Folder("models", name));
        int tables = 0;
        foreach (string key in golden.Names.Where(key => key.StartsWith("output.", StringComparison.Ordinal)))
        {
            // output.{bidirectional|causal}_{buckets}_{distance}
            string[] parts = key["output.".Length..].Split('_');
            Tensor bucket = RelativePositionBias.Bucket(golden["input.relative_position"], parts[0] == "bidirectional", int.Parse(parts[1], null), int.Parse(parts[2], null));
            Assert.Equal(golden[key].data<long>().ToArray(), bucket.data<long>().ToArray());
            tables++;
        }

        Assert.NotEqual(0, tables);
    }

    private static Tensor Stepwise(Seq2SeqLm model, Tensor ids, Seq2SeqInput input)
    {
        using var cache = new Seq2SeqCache(model.DecoderLayers);
        var logits = new List<Tensor>();
        for (long t = 0; t < ids.shape[1]; t++)
        {
            // Only the first pass sees the encoder: after it the cache must hold all that is needed.
            Seq2SeqInput step = t == 0 ? input with { Cache = cache } : new Seq2SeqInput { Cache = cache };
            logits.Add(model.Decode(ids.narrow(1, t, 1), step).Logits);
        }

        return cat([.. logits], 1);
    }
}
