using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Merganser.Checkpoints;
using Merganser.Weights.Execution;

namespace Merganser.Weights;

/// <summary>A model in memory: float32 tensors in the ordinal order of their names.</summary>
public sealed class ArrayModel : SortedDictionary<string, (ImmutableArray<long> Shape, float[] Values)>
{
    /// <summary>Makes an empty model.</summary>
    public ArrayModel()
        : base(StringComparer.Ordinal)
    {
    }

    /// <summary>Adds a tensor.</summary>
    public ArrayModel With(string name, ImmutableArray<long> shape, float[] values)
    {
        Add(name, (shape, values));
        return this;
    }
}

/// <summary>What may be set when models in memory are merged.</summary>
public sealed record ArrayMergeOptions
{
    /// <summary>The seed of random methods.</summary>
    public ulong Seed { get; init; }

    /// <summary>Narrow arithmetic as mergekit's, for comparisons.</summary>
    public Rounding Rounding { get; init; } = Rounding.None;

    /// <summary>Restores upstream's deviations from this project's choices.</summary>
    public bool StrictMergekit { get; init; }

    /// <summary>Masks that replace selection: (tensor name, model index) to one byte per element, or null.</summary>
    public Func<string, int, byte[]?>? InjectedMask { get; init; }

    /// <summary>Names of the models, which key random numbers; by default <c>model0</c>, <c>model1</c>, …</summary>
    public ImmutableArray<string> ModelNames { get; init; }

    /// <summary>Receives one-line warnings.</summary>
    public Action<string>? Warn { get; init; }
}

/// <summary>Merges models that are in memory, with the same methods and the same code that merge checkpoints.</summary>
public static class ArrayMerge
{
    /// <summary>Merges all tensors of the models.</summary>
    /// <param name="method">The method, for instance from <see cref="MergeMethods.Find"/>.</param>
    /// <param name="baseModel">The base when the method keeps it apart; null otherwise.</param>
    /// <param name="models">The models; all have the tensors of the first, in the same shapes.</param>
    /// <param name="parameters">The options, equal for all tensors.</param>
    /// <param name="options">Seed, arithmetic, masks.</param>
    /// <exception cref="ArgumentException">A tensor is missing or has another shape.</exception>
    /// <exception cref="MerganserException">An option is missing or out of range.</exception>
    public static ArrayModel Run(
        MergeMethod method, ArrayModel? baseModel, IReadOnlyList<ArrayModel> models, ParameterSet parameters, ArrayMergeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(method);
        options ??= new ArrayMergeOptions();
        ArrayModel first = models.Count > 0 ? models[0] : throw new ArgumentException("there must be at least one model", nameof(models));
        ImmutableArray<string> names = options.ModelNames.IsDefault ? [.. models.Select((_, index) => $"model{index}")] : options.ModelNames;

        var jobs = new List<TensorJob>();
        foreach ((string name, (ImmutableArray<long> shape, _)) in first)
        {
            var context = new TensorContext
            {
                Name = name,
                Shape = shape,
                Models = names,
                HasBase = baseModel is not null,
                Parameters = parameters,
                Rounding = options.Rounding,
                StrictMergekit = options.StrictMergekit,
                Seed = options.Seed,
                InjectedMask = options.InjectedMask,
                Warn = options.Warn,
            };
            jobs.Add(new TensorJob(new TensorInfo(name, DType.F32, shape), [.. models.Select(model => Source(model, name, shape))])
            {
                Method = method,
                Base = baseModel is null ? null : Source(baseModel, name, shape),
                Context = context,
            });
        }

        var sink = new ArraySink([.. jobs.Select(job => new float[job.Output.ElementCount])]);
        using var driver = new TensorDriver(new DriverOptions());
        ModelStatistics? statistics = ModelScan.Run(method, jobs, [driver]);
        var merged = new ArrayModel();
        for (int index = 0; index < jobs.Count; index++)
        {
            driver.Merge(jobs[index], method.Create(jobs[index].Context!, statistics), index, sink);
            merged.Add(jobs[index].Output.Name, (jobs[index].Output.Shape, sink.Tensors[index]));
        }

        return merged;
    }

    private static ArraySource Source(ArrayModel model, string name, ImmutableArray<long> shape)
    {
        if (!model.TryGetValue(name, out (ImmutableArray<long> Shape, float[] Values) tensor))
            throw new ArgumentException($"a model lacks the tensor '{name}'", nameof(model));
        if (!tensor.Shape.AsSpan().SequenceEqual(shape.AsSpan()) || tensor.Values.Length != shape.Aggregate(1L, (count, extent) => count * extent))
            throw new ArgumentException($"tensor '{name}' has another shape in one of the models", nameof(model));
        return new ArraySource(new TensorInfo(name, DType.F32, shape), tensor.Values);
    }

    private sealed class ArraySource(TensorInfo info, float[] values) : TensorSource
    {
        public override TensorInfo Info => info;

        public override string Origin => "memory";

        public override void Read(long byteOffset, Span<byte> destination) =>
            MemoryMarshal.AsBytes(values.AsSpan()).Slice(checked((int)byteOffset), destination.Length).CopyTo(destination);
    }

    private sealed class ArraySink(float[][] tensors) : ITensorSink
    {
        public float[][] Tensors => tensors;

        public void Write(int tensor, long byteOffset, ReadOnlySpan<byte> bytes) =>
            bytes.CopyTo(MemoryMarshal.AsBytes(tensors[tensor].AsSpan())[checked((int)byteOffset)..]);
    }
}
