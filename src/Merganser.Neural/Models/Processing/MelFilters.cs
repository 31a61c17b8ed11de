using static TorchSharp.torch;

namespace Merganser.Neural.Models.Processing;

/// <summary>
/// Triangles over the bins of a spectrum, evenly spaced on Slaney's mel scale (linear to 1 kHz, 27 steps per factor of 6.4 above), each of
/// area 1.
/// </summary>
internal static class MelFilters
{
    private const double Linear = 200.0 / 3, Corner = 1000, CornerMel = 15;
    private static readonly double Step = Math.Log(6.4) / 27;

    /// <summary>Float64 [bands, bins].</summary>
    public static Tensor Make(int bands, int bins, int rate, double highest)
    {
        double[] edges = new double[bands + 2];
        double top = Mel(highest);
        for (int i = 0; i < edges.Length; i++)
            edges[i] = Hertz(top * i / (bands + 1));
        double[] weights = new double[bands * bins];
        for (int band = 0; band < bands; band++)
        {
            (double left, double centre, double right) = (edges[band], edges[band + 1], edges[band + 2]);
            for (int bin = 0; bin < bins; bin++)
            {
                double frequency = bins == 1 ? 0 : (double)(rate / 2) * bin / (bins - 1);
                double height = Math.Max(0, Math.Min((frequency - left) / (centre - left), (right - frequency) / (right - centre)));
                weights[(band * bins) + bin] = height * 2 / (right - left);
            }
        }

        return tensor(weights, [bands, bins]);
    }

    private static double Mel(double hertz) => hertz < Corner ? hertz / Linear : CornerMel + (Math.Log(hertz / Corner) / Step);

    private static double Hertz(double mel) => mel < CornerMel ? mel * Linear : Corner * Math.Exp(Step * (mel - CornerMel));
}
