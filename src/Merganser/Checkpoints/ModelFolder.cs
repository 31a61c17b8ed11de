using System.Text.Json.Nodes;

namespace Merganser.Checkpoints;

/// <summary>A Hugging Face folder: config.json, weights and the files of the tokenizer.</summary>
public sealed class ModelFolder : IDisposable
{
    /// <summary>Makes a folder from its parts; takes over the checkpoint.</summary>
    public ModelFolder(string path, JsonObject config, Checkpoint weights)
    {
        Path = path;
        Config = config;
        Weights = weights;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The parsed config.json; empty when there is none.</summary>
    public JsonObject Config { get; }

    /// <summary>The tensors.</summary>
    public Checkpoint Weights { get; }

    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();
}
