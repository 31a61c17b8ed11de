using Microsoft.Extensions.AI;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Models.Embeddings;

/// <summary>
/// A model with what stands before and behind it: items in, one vector each out. It is an <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>,
/// so that what works with any other works with it. Several threads may use it at once.
/// </summary>
/// <typeparam name="T">Texts or pictures.</typeparam>
public abstract class Embedder<T> : IEmbeddingGenerator<T, Embedding<float>>
{
    private readonly PretrainedModel _model;
    private readonly EmbeddingOptions _options;
    private readonly EmbeddingGeneratorMetadata _metadata;

    /// <summary>Takes a model over; it is disposed with this.</summary>
    private protected Embedder(PretrainedModel model, EmbeddingOptions options)
    {
        if (options.Batch < 1)
            throw new ArgumentOutOfRangeException(nameof(options), options.Batch, "a batch holds at least one item");
        (_model, _options) = (model, options);
        _metadata = new EmbeddingGeneratorMetadata("merganser", defaultModelId: model.Source);
        CheckDimensions(options.Dimensions);
    }

    /// <summary>How tokens become one vector; several results are put one behind the other.</summary>
    public abstract IReadOnlyList<Pooling> Poolings { get; }

    /// <summary>Vectors have length 1.</summary>
    public abstract bool Normalizes { get; }

    /// <summary>The vector of each item, in their order.</summary>
    public float[][] Embed(IReadOnlyList<T> items) => Embed(items, _options.Dimensions, CancellationToken.None);

    /// <summary>The same, in the background. Of the options the number of dimensions counts.</summary>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<T> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        T[] items = [.. values];
        CheckDimensions(options?.Dimensions);
        float[][] rows = await Task.Run(() => Embed(items, options?.Dimensions ?? _options.Dimensions, cancellationToken), cancellationToken).ConfigureAwait(false);
        return [.. rows.Select(row => new Embedding<float>(row) { ModelId = _model.Source })];
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(EmbeddingGeneratorMetadata) ? _metadata
            : serviceType.IsInstanceOfType(this) ? this
            : serviceType.IsInstanceOfType(_model) ? _model : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Lets go of the model and what is held besides.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
            _model.Dispose();
    }

    /// <summary>Which items go together, and what makes their vectors [chosen, D], of any type and length.</summary>
    private protected abstract IEnumerable<(int[] Chosen, Func<Tensor> Vectors)> Batches(IReadOnlyList<T> items, int batch);

    private static void CheckDimensions(int? dimensions)
    {
        if (dimensions < 1)
            throw new ArgumentOutOfRangeException(nameof(dimensions), dimensions, "a vector has at least one dimension");
    }

    private float[][] Embed(IReadOnlyList<T> items, int? dimensions, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(items);
        float[][] results = new float[items.Count][];
        using IDisposable mode = inference_mode();
        foreach ((int[] chosen, Func<Tensor> vectors) in Batches(items, _options.Batch))
        {
            cancellation.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            Tensor rows = vectors().to(ScalarType.Float32);
            if (dimensions is { } wanted)
                rows = wanted <= rows.shape[1] ? rows.narrow(1, 0, wanted) : throw new MerganserException($"{wanted} dimensions are wanted; the vectors of {_model.Source} have {rows.shape[1]}");
            if (Normalizes)
                rows = TokenPooling.Unit(rows);
            float[] values = [.. rows.cpu().contiguous().data<float>()];
            int width = values.Length / chosen.Length;
            for (int i = 0; i < chosen.Length; i++)
                results[chosen[i]] = values[(i * width)..((i + 1) * width)];
        }

        return results;
    }
}
