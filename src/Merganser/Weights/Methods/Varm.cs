using System.Collections.Concurrent;
using System.Globalization;
using System.Numerics.Tensors;
using Merganser.Weights.Spheres;

namespace Merganser.Weights.Methods;

/// <summary>
/// VaRM, "FuseChat: Knowledge Fusion of Chat Models", arXiv 2402.16107 (v1): models weighted by how much they changed. For each
/// unit g of parameters <c>v_j = mean (θ_j − θ0)²</c>, <c>α_j = v_j / Σ v</c> (1/n where nothing changed) and <c>θ*_g = Σ α_j θ_j</c>.
/// </summary>
/// <remarks>
/// <c>granularity</c>: <c>matrix</c> (default, every tensor), <c>layer</c> (all tensors of a numbered layer; tensors outside
/// layers by themselves), <c>model</c> (everything), <c>parameter</c> (every element). No code was published: this follows the paper.
/// </remarks>
public sealed class Varm : MergeMethod
{
    private static readonly MethodParameter Unit = MethodParameter.Choice("granularity", "what shares its weights: matrix, layer, model or parameter", "matrix", "layer", "model", "parameter");

    private enum Units
    {
        Matrix,
        Layer,
        Model,
        Parameter,
    }

    /// <inheritdoc/>
    public override string Name => "varm";

    /// <inheritdoc/>
    public override string Summary => "fine-tunes of one base, weighted by how much each changed; nothing to tune";

    /// <inheritdoc/>
    public override string Paper => "FuseChat, arXiv 2402.16107";

    /// <inheritdoc/>
    public override IReadOnlyList<MethodParameter> Parameters => [Unit];

    /// <inheritdoc/>
    public override BaseRole Base => BaseRole.Required;

    /// <inheritdoc/>
    public override ModelStatistics? BeginModel(IReadOnlyList<TensorContext> tensors) =>
        tensors.Any(tensor => UnitOf(tensor) is Units.Layer or Units.Model) ? new Changes() : null;

    /// <inheritdoc/>
    public override TensorMerger Create(TensorContext tensor, ModelStatistics? statistics) => UnitOf(tensor) switch
    {
        Units.Parameter => new ElementMerger(tensor.Rounding),
        Units.Matrix => new TensorWise(tensor.Models.Length, null, tensor.Rounding),
        _ => new TensorWise(tensor.Models.Length, ((Changes)statistics!).Of(tensor), tensor.Rounding),
    };

    private static Units UnitOf(TensorContext tensor) => (Units)(int)tensor.Get(Unit);

    /// <summary>The tensors that share their weights: the name up to the first number, or everything.</summary>
    private static string Group(TensorContext tensor)
    {
        if (UnitOf(tensor) == Units.Model)
            return "";
        string[] parts = tensor.Name.Split('.');
        int number = Array.FindIndex(parts, part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out _));
        return number < 0 ? tensor.Name : string.Join('.', parts[..(number + 1)]) + ".";
    }

    private static void AddSquares(in Tile tile, double[] sums)
    {
        for (int model = 0; model < tile.ModelCount; model++)
        {
            Span<float> change = tile.Model(model);
            TensorPrimitives.Subtract(change, tile.Base, change);
            sums[model] += Reductions.Dot(change, change);
        }
    }

    private static double[] Shares(double[] sums)
    {
        double total = sums.Sum();
        return [.. sums.Select(sum => total > 0 ? sum / total : 1.0 / sums.Length)];
    }

    /// <summary>Sums of squares for all layers, or for the model; the number of elements cancels in the shares.</summary>
    private sealed class Changes : ModelStatistics
    {
        private readonly ConcurrentDictionary<string, double[]> _sums = new(StringComparer.Ordinal);
        private bool _scanned;

        public double[] Of(TensorContext tensor) => Shares(_sums[Group(tensor)]);

        public override ScanRequest NextScan()
        {
            bool first = !_scanned;
            _scanned = true;
            return first ? ScanRequest.Full : ScanRequest.None;
        }

        public override TensorScan? Begin(TensorContext tensor) => new Squares(Group(tensor), tensor.Models.Length);

        public override void EndScan(IReadOnlyList<TensorScan> scans)
        {
            foreach (Squares scan in scans.Cast<Squares>())
            {
                double[] sums = _sums.GetOrAdd(scan.Group, _ => new double[scan.Sums.Length]);
                TensorPrimitives.Add(sums, scan.Sums, sums);
            }
        }
    }

    private sealed class Squares(string group, int models) : TensorScan
    {
        public string Group => group;

        public double[] Sums { get; } = new double[models];

        public override void Scan(in Tile tile) => AddSquares(tile, Sums);
    }

    private sealed class TensorWise(int models, double[]? shares, Rounding rounding) : TensorMerger
    {
        private readonly double[] _sums = new double[models];
        private double[]? _shares = shares;
        private bool _scanned = shares is not null;

        public override ScanRequest NextScan()
        {
            if (!_scanned)
            {
                _scanned = true;
                return ScanRequest.Full;
            }

            _shares ??= Shares(_sums);
            return ScanRequest.None;
        }

        public override void Scan(in Tile tile) => AddSquares(tile, _sums);

        /// <summary>θ0 + Σ α τ: the same as the weighted mean, and exact where nothing changed.</summary>
        public override void Apply(in Tile tile)
        {
            Span<float> output = tile.Output;
            tile.Base.CopyTo(output);
            for (int model = 0; model < tile.ModelCount; model++)
            {
                Span<float> change = tile.Model(model);
                TensorPrimitives.Subtract(change, tile.Base, change);
                TensorPrimitives.MultiplyAdd(change, (float)_shares![model], output, output);
            }

            rounding.Apply(output);
        }
    }

    private sealed class ElementMerger(Rounding rounding) : TensorMerger
    {
        public override bool IsStateless => true;

        public override void Apply(in Tile tile)
        {
            for (int i = 0; i < tile.Count; i++)
            {
                double origin = tile.Base[i], weights = 0, sum = 0;
                for (int model = 0; model < tile.ModelCount; model++)
                {
                    double change = tile.Model(model)[i] - origin;
                    weights += change * change;
                    sum += change * change * change;
                }

                tile.Output[i] = (float)(weights > 0 ? origin + (sum / weights) : origin);
            }

            rounding.Apply(tile.Output);
        }
    }
}
