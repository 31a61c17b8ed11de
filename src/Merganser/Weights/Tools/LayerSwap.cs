using System.Globalization;
using System.Text;

namespace Merganser.Weights.Tools;

/// <summary>Where what lies outside the layers (embeddings, final norm, output head) comes from when layers are swapped.</summary>
public enum SwapEnds
{
    /// <summary>The language expert.</summary>
    Language,

    /// <summary>The task expert.</summary>
    Task,

    /// <summary>The mean of both experts.</summary>
    Average,

    /// <summary>The base model.</summary>
    Base,
}

/// <summary>
/// Layer swapping: the first and last layers of a task expert are replaced by a language expert's, with averaged layers
/// between. "Layer Swapping for Zero-Shot Cross-Lingual Transfer in Large Language Models", arXiv 2410.01335 (ICLR 2025).
/// </summary>
/// <remarks>
/// With L layers, layer i comes from the language expert for <c>i &lt; Bottom</c> and <c>i ≥ L − Top</c>; it is
/// <c>w·language + (1 − w)·task</c> in the next <c>TransitionBottom</c> and <c>TransitionTop</c> layers; all between is the
/// task expert's. The paper publishes no code: the source of what lies outside the layers and the widths are its text's, by
/// memory (5, 1, 2, 1 of 32 layers).
/// </remarks>
public sealed record LayerSwap
{
    /// <summary>The paper's choice for models of <see cref="PaperLayers"/> layers.</summary>
    public static LayerSwap Paper { get; } = new() { Bottom = 5, TransitionBottom = 1, Top = 2, TransitionTop = 1 };

    /// <summary>The number of layers that <see cref="Paper"/> is for.</summary>
    public const int PaperLayers = 32;

    /// <summary>First layers from the language expert; ≥ 0.</summary>
    public int Bottom { get; init; }

    /// <summary>Last layers from the language expert; ≥ 0.</summary>
    public int Top { get; init; }

    /// <summary>Mixed layers above the bottom; ≥ 0.</summary>
    public int TransitionBottom { get; init; }

    /// <summary>Mixed layers below the top; ≥ 0.</summary>
    public int TransitionTop { get; init; }

    /// <summary>The weight of the language expert in mixed layers, 0 to 1.</summary>
    public double TransitionWeight { get; init; } = 0.5;

    /// <summary>Where embeddings, final norm and output head come from.</summary>
    public SwapEnds Ends { get; init; } = SwapEnds.Language;

    /// <summary>
    /// Chooses <see cref="Bottom"/> and <see cref="Top"/> from where the experts changed: the leading (and trailing) layers whose share
    /// of the language expert's change is larger than of the task expert's, at most a third of the layers each.
    /// </summary>
    /// <exception cref="MerganserException">The experts have different numbers of layers, or the ranges meet.</exception>
    public static LayerSwap Choose(ChangeMap task, ChangeMap language, int transitionBottom = 1, int transitionTop = 1)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(language);
        int layers = task.LayerShares.Count;
        if (language.LayerShares.Count != layers)
            throw new MerganserException($"{language.Model} has {language.LayerShares.Count} layers, {task.Model} has {layers}; layers can only be swapped between models of one depth");
        bool IsLanguage(int layer) => language.LayerShares[layer] > task.LayerShares[layer];
        int bottom = 0, top = 0, limit = layers / 3;
        while (bottom < limit && IsLanguage(bottom))
            bottom++;
        while (top < limit && IsLanguage(layers - 1 - top))
            top++;
        var swap = new LayerSwap
        {
            Bottom = bottom,
            Top = top,
            TransitionBottom = bottom > 0 ? transitionBottom : 0,
            TransitionTop = top > 0 ? transitionTop : 0,
        };
        swap.Check(layers);
        return swap;
    }

    /// <summary>Writes the recipe: <c>linear</c> over slices, with weights 1 and 0 where layers are taken whole.</summary>
    /// <param name="layers">The number of layers of both experts.</param>
    /// <param name="outside">Names of the tensors before the layers, then of those after them.</param>
    /// <param name="task">The task expert's path.</param>
    /// <param name="language">The language expert's path.</param>
    /// <param name="baseModel">The base's path; needed when <see cref="Ends"/> is <see cref="SwapEnds.Base"/>.</param>
    /// <param name="dtype">The type of the result, such as <c>bfloat16</c>; null to leave it as stored.</param>
    /// <exception cref="MerganserException">A width is negative, or the widths add up to more than the layers.</exception>
    public string ToRecipe(int layers, IReadOnlyList<string> outside, string task, string language, string? baseModel = null, string? dtype = null)
    {
        ArgumentNullException.ThrowIfNull(outside);
        Check(layers);
        if (Ends == SwapEnds.Base && baseModel is null)
            throw new MerganserException("--ends base needs the base model: give --base-model");
        var text = new StringBuilder("merge_method: linear\nslices:\n");
        List<(int Start, int End, double Language)> segments = Segments(layers);
        for (int i = 0; i < segments.Count; i++)
        {
            (int start, int end, double weight) = segments[i];
            // Only the first and the last slice decide over what lies outside the layers.
            IReadOnlyList<string> ends = i == 0 || i == segments.Count - 1 ? outside : [];
            (double endTask, double endLanguage, double endBase) = Ends switch
            {
                SwapEnds.Language => (0.0, 1.0, 0.0),
                SwapEnds.Task => (1, 0, 0),
                SwapEnds.Average => (0.5, 0.5, 0),
                _ => (0, 0, 1),
            };
            text.Append("  - sources:\n");
            AppendSource(text, task, start, end, 1 - weight, ends, endTask);
            AppendSource(text, language, start, end, weight, ends, endLanguage);
            if (Ends == SwapEnds.Base)
                AppendSource(text, baseModel!, start, end, 0, ends, endBase);
        }

        if (dtype is not null)
            text.Append(CultureInfo.InvariantCulture, $"dtype: {dtype}\n");
        return text.ToString();
    }

    private static void AppendSource(StringBuilder text, string model, int start, int end, double weight, IReadOnlyList<string> ends, double endWeight)
    {
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.Append(culture, $"      - model: {YamlText.Quote(model)}\n        layer_range: [{start}, {end}]\n");
        if (ends.Count == 0 || endWeight == weight)
        {
            text.Append(culture, $"        parameters: {{weight: {weight:0.0###############}}}\n");
            return;
        }

        text.Append("        parameters:\n          weight:\n");
        foreach (string name in ends)
            text.Append(culture, $"            - {{filter: {YamlText.Quote(name)}, value: {endWeight:0.0###############}}}\n");
        text.Append(culture, $"            - {{value: {weight:0.0###############}}}\n");
    }

    /// <summary>Runs of layers with the same weight of the language expert.</summary>
    private List<(int Start, int End, double Language)> Segments(int layers)
    {
        var result = new List<(int Start, int End, double Language)>();
        for (int layer = 0; layer < layers; layer++)
        {
            bool isSwapped = layer < Bottom || layer >= layers - Top;
            bool isMixed = !isSwapped && (layer < Bottom + TransitionBottom || layer >= layers - Top - TransitionTop);
            double weight = isSwapped ? 1 : isMixed ? TransitionWeight : 0;
            if (result.Count > 0 && result[^1].Language == weight)
                result[^1] = (result[^1].Start, layer + 1, weight);
            else
                result.Add((layer, layer + 1, weight));
        }

        return result;
    }

    private void Check(int layers)
    {
        if (Bottom < 0 || Top < 0 || TransitionBottom < 0 || TransitionTop < 0)
            throw new MerganserException("--bottom, --top, --transition-bottom and --transition-top must not be negative");
        if (double.IsNaN(TransitionWeight) || TransitionWeight < 0 || TransitionWeight > 1)
            throw new MerganserException($"--transition-weight is {TransitionWeight:R}; it must be between 0 and 1");
        long sum = (long)Bottom + Top + TransitionBottom + TransitionTop;
        if (sum > layers)
            throw new MerganserException($"bottom {Bottom} + transition {TransitionBottom} + transition {TransitionTop} + top {Top} = {sum} layers, but the models have {layers}; make them smaller");
    }
}
