using System.Collections.Immutable;
using System.Globalization;
using Merganser.Checkpoints;
using Merganser.Weights;

namespace Merganser.Tests.Weights;

/// <summary>One file of raw tensors: inputs, result, intermediates and, in its metadata, the parameters.</summary>
internal sealed class RawGolden : IDisposable
{
    /// <summary>
    /// The systems that have a test class. A file belongs to the longest of these names that its own begins with; a file of
    /// no system fails the test that walks the folder.
    /// </summary>
    public static readonly ImmutableArray<string> Claims =
    [
        "average", "task_arithmetic", "ties-dis", "dare-ta", "dare-magnitude", "sce-fusechat",
        "pcb", "rtsvm", "tsvm", "tsvm-eigen", "tsv-lowrank-sum", "twin", "varm",
    ];

    private readonly Checkpoint _file;

    private RawGolden(string name)
    {
        _file = CheckpointReader.Open(Golden.Folder("weights", "raw", name));
        Base = Group("base");
        Models = [.. Enumerable.Range(0, int.MaxValue).Select(index => Group($"model{index}")).TakeWhile(model => model.Count > 0)];
    }

    /// <summary>The tensors called <c>base.</c></summary>
    public ArrayModel Base { get; }

    /// <summary>The tensors called <c>model0.</c>, <c>model1.</c>, …</summary>
    public ImmutableArray<ArrayModel> Models { get; }

    /// <summary>The parameters.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _file.Metadata;

    /// <summary>All files of some systems.</summary>
    public static TheoryData<string> Cases(params ReadOnlySpan<string> systems)
    {
        var cases = new TheoryData<string>();
        foreach (string name in Files())
        {
            if (systems.Contains(SystemOf(name)))
                cases.Add(name);
        }

        return cases;
    }

    /// <summary>The names of all files.</summary>
    public static IEnumerable<string> Files() =>
        Directory.GetFiles(Golden.Folder("weights", "raw"), "*.safetensors").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);

    /// <summary>The system of a file; empty when no test class claims it.</summary>
    public static string SystemOf(string name) =>
        Claims.Where(claim => name.StartsWith(claim + "-", StringComparison.Ordinal)).OrderByDescending(claim => claim.Length).FirstOrDefault("");

    public static RawGolden Open(string name) => new(name);

    /// <summary>The float tensors whose names begin with a word and a dot, under the rest of their names; integers become floats.</summary>
    public ArrayModel Group(string word)
    {
        var model = new ArrayModel();
        foreach ((string name, TensorSource source) in _file.Tensors)
        {
            if (name.StartsWith(word + ".", StringComparison.Ordinal))
                model.With(name[(word.Length + 1)..], source.Info.Shape, Values(source));
        }

        return model;
    }

    /// <summary>A single tensor.</summary>
    public float[] Tensor(string name) => Values(_file.Tensors[name]);

    public double Number(string key) => double.Parse(Metadata[key], CultureInfo.InvariantCulture);

    public bool Flag(string key) => bool.Parse(Metadata[key]);

    public void Dispose() => _file.Dispose();

    /// <summary>All elements of all tensors agree within an absolute error.</summary>
    public static void AssertClose(ArrayModel expected, ArrayModel actual, double tolerance)
    {
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Keys, actual.Keys);
        foreach ((string name, (_, float[] values)) in expected)
        {
            float[] other = actual[name].Values;
            Assert.Equal(values.Length, other.Length);
            for (int i = 0; i < values.Length; i++)
                Assert.True(Math.Abs((double)values[i] - other[i]) <= tolerance, $"{name}[{i}]: expected {values[i]:R}, got {other[i]:R}");
        }
    }

    internal static float[] Values(TensorSource source)
    {
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        if (source.Info.DType == DType.U8)
            return [.. bytes.Select(value => (float)value)];
        float[] values = new float[source.Info.ElementCount];
        TensorCast.ToSingle(bytes, source.Info.DType, values);
        return values;
    }
}
