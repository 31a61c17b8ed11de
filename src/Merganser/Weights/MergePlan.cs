using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Merganser.Checkpoints;

namespace Merganser.Weights;

/// <summary>What must be done for one tensor of the merged model.</summary>
/// <param name="Output">Name, stored type and shape in the merged model.</param>
/// <param name="Inputs">The models' tensors in the order of the recipe; one for a copy.</param>
public sealed record TensorJob(TensorInfo Output, ImmutableArray<TensorSource> Inputs)
{
    /// <summary>The merge method; null to copy the only input, converted to the output's type if that differs.</summary>
    public MergeMethod? Method { get; init; }

    /// <summary>The base's tensor when the method keeps it apart.</summary>
    public TensorSource? Base { get; init; }

    /// <summary>What the method is told; null for a copy.</summary>
    public TensorContext? Context { get; init; }

    /// <summary>The type to which inputs are cast after reading, in strict mode; null to compute on what is stored.</summary>
    public DType? ComputeType { get; init; }

    /// <summary>For each resolved parameter where its value came from, for <c>--explain</c>.</summary>
    public ImmutableArray<string> Explanation { get; init; } = [];

    /// <summary>Bytes of all inputs.</summary>
    public long BytesRead => Inputs.Sum(input => input.Info.ByteCount) + (Base?.Info.ByteCount ?? 0);
}

/// <summary>A recipe made concrete: every tensor of the merged model and every file beside them. Nothing has been computed or written.</summary>
public sealed class MergePlan : IDisposable
{
    /// <summary>The tensors in the order in which they are stored.</summary>
    public required IReadOnlyList<TensorJob> Jobs { get; init; }

    /// <summary>The merged model's config.json; null for raw tensor files.</summary>
    public JsonObject? Config { get; init; }

    /// <summary>Files to copy as they are: source path to name in the output.</summary>
    public IReadOnlyDictionary<string, string> CopiedFiles { get; init; } = new Dictionary<string, string>();

    /// <summary>Files with new contents: name in the output to text.</summary>
    public IReadOnlyDictionary<string, string> WrittenFiles { get; init; } = new Dictionary<string, string>();

    /// <summary>One-line warnings found while planning.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Fixes what the output depends on: recipe, inputs, options. Equal for equal work, so that a resumed run can check that it continues the same one.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>The checkpoints that the jobs read; closed with the plan.</summary>
    public IReadOnlyList<IDisposable> Inputs { get; init; } = [];

    /// <summary>Bytes of all inputs of all jobs.</summary>
    public long BytesRead => Jobs.Sum(job => job.BytesRead);

    /// <summary>Bytes of all tensors of the output.</summary>
    public long BytesWritten => Jobs.Sum(job => job.Output.ByteCount);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable input in Inputs)
            input.Dispose();
    }
}
