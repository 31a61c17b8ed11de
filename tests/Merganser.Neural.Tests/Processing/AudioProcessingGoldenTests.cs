using System.Text.Json.Nodes;
using Merganser.Neural.Models;
using Merganser.Neural.Models.Processing;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests.Processing;

/// <summary>Mel spectra against the feature extractor of the reference library; the file says what was asked of it.</summary>
public sealed class AudioProcessingGoldenTests
{
    [Fact]
    public void Spectra_are_those_of_the_reference()
    {
        using DisposeScope scope = NewDisposeScope();
        using var golden = new GoldenCase(Path.Combine(Golden.Repository, "tests", "data", "log-mel.safetensors"));
        int checks = 0;
        foreach (string name in golden.Names.Where(name => name.StartsWith("mel.", StringComparison.Ordinal)))
        {
            JsonObject asked = JsonNode.Parse(golden.Metadata[name])!.AsObject();
            AudioProcessor processor = AudioProcessor.Of(new ModelConfig(asked["config"]!.AsObject(), name));
            var sound = new Audio([.. golden[$"audio.{asked["audio"]}"].data<float>()], processor.Rate);
            GoldenCase.Close(golden[name].unsqueeze(0), processor.Process([sound]), 1e-5, name);
            GoldenCase.Close(golden[name], processor.Process([new Audio([0.5f, -0.5f], processor.Rate), sound]).select(0, 1), 1e-5, name + " in a batch");
            checks++;
        }

        Assert.NotEqual(0, checks);
    }
}
