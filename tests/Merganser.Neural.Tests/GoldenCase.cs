using Merganser.Checkpoints;
using Merganser.Neural.Models;
using Merganser.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural.Tests;

/// <summary>The tensors and metadata of one golden file, and comparisons that name the worst element.</summary>
internal sealed class GoldenCase : IDisposable
{
    private readonly Checkpoint _file;
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    public GoldenCase(string path) => _file = CheckpointReader.Open(path);

    public IReadOnlyDictionary<string, string> Metadata => _file.Metadata;

    public Checkpoint File => _file;

    public IEnumerable<string> Names => _file.Tensors.Keys;

    public Tensor this[string name]
    {
        get
        {
            if (!_tensors.TryGetValue(name, out Tensor? tensor))
                _tensors.Add(name, tensor = ParameterLoader.Read(_file.Tensors[name]).DetachFromDisposeScope());
            return tensor;
        }
    }

    public Tensor? Find(string name) => _file.Tensors.ContainsKey(name) ? this[name] : null;

    public static TheoryData<string> Folders(string room, string prefix) => [.. Directory.EnumerateDirectories(Golden.Folder(room), prefix + "*").Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    public static TheoryData<string> Files(string room, string pattern) => [.. Directory.EnumerateFiles(Golden.Folder(room), pattern).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    /// <summary>max |a − b| ≤ tolerance·max(1, max |b|).</summary>
    public static void Close(Tensor expected, Tensor actual, double tolerance, string what)
    {
        Assert.True(expected.shape.SequenceEqual(actual.shape), $"{what}: [{string.Join(", ", actual.shape)}] in place of [{string.Join(", ", expected.shape)}]");
        Assert.False(actual.isnan().any().ToBoolean(), $"{what}: NaN");
        double difference = (expected - actual).abs().max().ToDouble(), limit = tolerance * Math.Max(1, expected.abs().max().ToDouble());
        Assert.True(difference <= limit, $"{what}: differs by {difference:g3}, allowed {limit:g3}");
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
            tensor.Dispose();
        _file.Dispose();
    }
}
