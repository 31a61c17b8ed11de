using Merganser.Checkpoints;

namespace Merganser.Weights.Lora;

/// <summary>
/// A model with a LoRA adapter added, tensor by tensor and only when read: no merged copy is made.
/// "LoRA: Low-Rank Adaptation of Large Language Models", arXiv 2106.09685; rsLoRA, arXiv 2312.03732; DoRA, arXiv 2402.09353.
/// </summary>
/// <remarks>
/// <para><c>W' = W + s·B·A</c> with W [out, in], A [r, in], B [out, r] and <c>s = lora_alpha / r</c>, or <c>lora_alpha / √r</c> with
/// <c>use_rslora</c>; <c>rank_pattern</c> and <c>alpha_pattern</c> set other values for some modules. With <c>fan_in_fan_out</c> W is
/// stored transposed, except where only (out, in) fits (a GPT-2 has both kinds). Embeddings: <c>W' = W + s·(B·A)ᵀ</c>. DoRA: <c>W' = m·(W + s·B·A)/‖W + s·B·A‖</c> for each output unit. An adapter's
/// <c>lora_B.bias</c> is added, times s, to the module's bias. Any other tensor of the adapter replaces the model's.</para>
/// <para>Products and sums are float32; the result is rounded once to the type of W. The memory is bounded by a few blocks of
/// rows and the factors of a few modules per thread.</para>
/// </remarks>
public static class LoraOverlay
{
    /// <summary>The model's tensors by name, those that the adapter changes replaced by tensors computed on reading.</summary>
    /// <param name="model">The model; it must stay open as long as the tensors are read.</param>
    /// <param name="adapterFolder">A folder with adapter_config.json and adapter_model.safetensors (or .bin).</param>
    /// <param name="owned">Receives the adapter's open files, to be closed by the caller after the last read.</param>
    /// <exception cref="MerganserException">The adapter is not a LoRA adapter, does not fit the model, or holds tensors that match nothing.</exception>
    public static IReadOnlyDictionary<string, TensorSource> Overlay(ModelFolder model, string adapterFolder, List<IDisposable> owned)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentException.ThrowIfNullOrEmpty(adapterFolder);
        ArgumentNullException.ThrowIfNull(owned);
        AdapterConfig config = AdapterConfig.Read(adapterFolder);
        Checkpoint adapter = CheckpointReader.Open(WeightsOf(adapterFolder));
        owned.Add(adapter);
        return Overlay(model, config, adapter, adapterFolder);
    }

    private static string WeightsOf(string folder)
    {
        foreach (string name in new[] { "adapter_model.safetensors", "adapter_model.bin" })
        {
            string path = Path.Combine(folder, name);
            if (File.Exists(path))
                return path;
        }

        throw new MerganserException($"{folder}: has neither adapter_model.safetensors nor adapter_model.bin");
    }

    /// <summary>The same with the adapter's parts at hand; <paramref name="path"/> is for messages.</summary>
    internal static Dictionary<string, TensorSource> Overlay(ModelFolder model, AdapterConfig config, Checkpoint tensors, string path)
    {
        var adapter = new AdapterTensors(tensors);
        var result = new Dictionary<string, TensorSource>(model.Weights.Tensors, StringComparer.Ordinal);
        var unmatched = new List<string>();
        var cache = new AdapterCache();
        foreach ((string name, TensorSource tensor) in adapter.Replacements)
        {
            if (!result.TryGetValue(name, out TensorSource? old))
            {
                unmatched.Add(tensor.Info.Name);
                continue;
            }

            AdapterShapes.CheckReplacement(tensor.Info, old.Info, path);
            result[name] = new ConvertedSource(tensor, old.Info);
        }

        var changed = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string name, AdapterModule module) in adapter.Modules)
        {
            // Files of base models leave out what names begin with in models with a head: transformer., bert.
            string stored = result.ContainsKey(name + ".weight") ? name : name[(name.IndexOf('.', StringComparison.Ordinal) + 1)..];
            if (!result.TryGetValue(stored + ".weight", out TensorSource? weight) || (module.Bias is not null && !result.ContainsKey(stored + ".bias")))
            {
                unmatched.AddRange(module.Names);
                continue;
            }

            if (!changed.Add(stored))
                throw new MerganserException($"{path}: '{name}' is the second part of the adapter for '{stored}'");
            result[stored + ".weight"] = Adapt(name, module, weight, config, cache, path);
            if (module.Bias is not null)
                result[stored + ".bias"] = Shift(module.Bias, result[stored + ".bias"], config.ScaleOf(name), path);
        }

        if (unmatched.Count > 0)
        {
            const int shown = 8;
            string more = unmatched.Count > shown ? $" and {unmatched.Count - shown} more" : "";
            throw new MerganserException($"{path}: {unmatched.Count} tensor(s) of the adapter match nothing in {model.Path}: {string.Join(", ", unmatched.Take(shown))}{more}; is it the adapter's base model?");
        }

        return result;
    }

    private static AdaptedSource Adapt(string name, AdapterModule module, TensorSource weight, AdapterConfig config, AdapterCache cache, string path)
    {
        if (module.A is not { } a || module.B is not { } b)
            throw new MerganserException($"{path}: '{name}' has only one of lora_A and lora_B");
        bool transposed = module.IsEmbedding || (config.FanInFanOut && !AdapterShapes.FitsOnlyAsStored(a.Info, b.Info, weight.Info));
        AdapterShapes.CheckFactors(name, a.Info, b.Info, weight.Info, transposed, config.RankOf(name), path);
        double scale = config.ScaleOf(name);

        // DoRA's units are the rows of an embedding although its factors are transposed.
        bool unitsAreColumns = transposed && !module.IsEmbedding;
        float[]? magnitude = null;
        if (module.Magnitude is { } vector)
        {
            long units = unitsAreColumns ? weight.Info.ElementCount / weight.Info.Shape[0] : weight.Info.Shape[0];
            if (vector.Info.ElementCount != units)
                throw new MerganserException($"{path}: '{vector.Info.Name}' has {vector.Info.ElementCount} magnitudes, '{weight.Info.Name}' has {units} output units");
            magnitude = vector.ReadSingles();
        }

        return new AdaptedSource(weight, () => LowRankProduct.Read(a, b, scale, transposed), magnitude, unitsAreColumns, cache, path);
    }

    private static ShiftedSource Shift(TensorSource bias, TensorSource old, double scale, string path)
    {
        if (!bias.Info.SameShape(old.Info))
            throw new MerganserException($"{path}: '{bias.Info.Name}' is {bias.Info.ShapeText}, the model's '{old.Info.Name}' is {old.Info.ShapeText}");
        float[] shift = bias.ReadSingles();
        for (int i = 0; i < shift.Length; i++)
            shift[i] = (float)(shift[i] * scale);
        return new ShiftedSource(old, shift);
    }
}
