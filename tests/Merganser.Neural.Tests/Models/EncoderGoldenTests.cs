using Merganser.Neural.Models;
using Merganser.Tests;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Models;

/// <summary>BERT, RoBERTa and XLM-R against the reference library: every hidden state, pooled output, logits.</summary>
public sealed class EncoderGoldenTests
{
    public static TheoryData<string> Folders => ModelCases.Folders("bert", "roberta", "xlm-roberta");

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_gives_the_reference_outputs(string name)
    {
        using var scope = NewDisposeScope();
        string folder = Golden.Folder("models", name);
        using EncoderModel model = PretrainedModel.Load<EncoderModel>(folder);
        using var golden = new GoldenCase(Path.Combine(folder, "expected.safetensors"));
        var input = new EncoderInput { Mask = golden["input.attention_mask"], TypeIds = golden.Find("input.token_type_ids"), HiddenStates = true };
        EncoderOutput output = model.Forward(golden["input.input_ids"], input);
        Assert.Equal(model.Layers + 1, output.HiddenStates.Count);
        var seen = new List<string>();
        foreach ((string key, Tensor? actual) in Outputs(output))
        {
            if (golden.Find(key) is not { } expected)
                continue;
            Assert.NotNull(actual);
            GoldenCase.Close(expected, actual, 1e-5, key);
            seen.Add(key);
        }

        // No output of the file may go unseen.
        Assert.Equal(golden.Names.Where(key => key.StartsWith("output.", StringComparison.Ordinal)).Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<(string Key, Tensor? Value)> Outputs(EncoderOutput output)
    {
        for (int i = 0; i < output.HiddenStates.Count; i++)
            yield return ($"output.hidden_states.{i}", output.HiddenStates[i]);
        yield return ("output.last_hidden_state", output.LastHiddenState);
        yield return ("output.pooler_output", output.Pooled);
        yield return ("output.logits", output.Logits);
    }
}
