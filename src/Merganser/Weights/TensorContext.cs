using System.Collections.Immutable;

namespace Merganser.Weights;

/// <summary>What a method knows of the tensor that it merges.</summary>
public sealed class TensorContext
{
    /// <summary>The name in the merged model.</summary>
    public required string Name { get; init; }

    /// <summary>The shape, equal for all inputs.</summary>
    public required ImmutableArray<long> Shape { get; init; }

    /// <summary>The models in the order of the recipe, the base left out when it is kept apart. Names are used in messages and as keys of random numbers.</summary>
    public required ImmutableArray<string> Models { get; init; }

    /// <summary>True when there is a base that is kept apart.</summary>
    public required bool HasBase { get; init; }

    /// <summary>The options of this tensor.</summary>
    public required ParameterSet Parameters { get; init; }

    /// <summary>The arithmetic: float32 throughout, or rounded to a narrow type after each operation as mergekit does.</summary>
    public Rounding Rounding { get; init; } = Rounding.None;

    /// <summary>True to restore upstream's deviations from this project's choices (<c>--strict-mergekit</c>).</summary>
    public bool StrictMergekit { get; init; }

    /// <summary>The seed of the run.</summary>
    public ulong Seed { get; init; }

    /// <summary>True for embedding and output-head matrices.</summary>
    public bool IsEmbedding { get; init; }

    /// <summary>Masks that replace random or tie-dependent selection, for tests: (tensor name, model index) to one byte per element, or null.</summary>
    public Func<string, int, byte[]?>? InjectedMask { get; init; }

    /// <summary>Threads that dense linear algebra on one tensor may use; results do not depend on it.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Receives one-line warnings.</summary>
    public Action<string>? Warn { get; init; }

    /// <summary>The number of elements.</summary>
    public long ElementCount => Shape.Aggregate(1L, (count, extent) => count * extent);

    /// <summary>The length of the last axis.</summary>
    public int RowLength => Shape.IsEmpty ? 1 : checked((int)Shape[^1]);

    /// <summary>The number of rows: elements divided by the length of the last axis.</summary>
    public long RowCount => ElementCount == 0 ? 0 : ElementCount / RowLength;

    /// <summary>The value of an option of the whole method.</summary>
    public double Get(MethodParameter parameter) => Parameters.Get(parameter);

    /// <summary>True when an option is on.</summary>
    public bool IsOn(MethodParameter parameter) => Parameters.Get(parameter) != 0;

    /// <summary>The values of a per-model option, in the order of <see cref="Models"/>.</summary>
    public double[] GetAll(MethodParameter parameter) => [.. Enumerable.Range(0, Models.Length).Select(model => Parameters.Get(parameter, model))];
}
