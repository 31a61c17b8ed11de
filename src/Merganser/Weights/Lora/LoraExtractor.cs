using System.Numerics.Tensors;
using Merganser.Checkpoints;
using Merganser.Weights.Execution;
using Merganser.Weights.Spectral;

namespace Merganser.Weights.Lora;

/// <summary>
/// Turns a fine-tuned model into a LoRA adapter of its base: per module <c>ΔW = W − W₀ ≈ B·A</c> from the singular value
/// decomposition <c>ΔW = U S Vᵀ</c>, <c>A = √S Vᵀ</c>, <c>B = U √S</c> (or <c>A = S Vᵀ</c>, <c>B = U</c>), cut at a rank. By Eckart and Young
/// no other factors of that rank are nearer. Follows mergekit's <c>extract-lora</c>.
/// </summary>
/// <remarks>
/// <para>ΔW is computed in float32 (mergekit rounds it to the stored type first); factors are stored in the model's type. Embeddings
/// and the output head are saved whole unless asked otherwise, norms too. <c>lora_alpha</c> equals <c>r</c> for every module, so that the scale
/// is 1. GPT-2's matrices, which are stored (in, out), give an adapter with <c>fan_in_fan_out</c>.</para>
/// <para>Matrices whose smaller side is at least 1024 and at least eight times the rank are decomposed by random projection (10 more
/// directions than the rank, 2 power iterations), all others exactly. One module is in memory at a time; finished factors wait
/// in a file beside the output.</para>
/// </remarks>
public static class LoraExtractor
{
    private const int RandomisedFrom = 1024;
    private const int RandomisedRatio = 8;

    /// <summary>Writes the adapter; the folder appears when it is whole.</summary>
    /// <exception cref="MerganserException">The models do not fit, an option cannot be used, or the output exists.</exception>
    public static LoraExtractReport Extract(ModelFolder baseModel, ModelFolder model, string outputFolder, LoraExtractOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(baseModel);
        ArgumentNullException.ThrowIfNull(model);
        options ??= new LoraExtractOptions();
        if (options.MaxRank < 1)
            throw new MerganserException($"--max-rank is {options.MaxRank}; it must be at least 1");
        if (double.IsNaN(options.SvEpsilon) || options.SvEpsilon < 0)
            throw new MerganserException($"--sv-epsilon is {options.SvEpsilon:R}; it must not be negative");
        var modules = new LoraModules(baseModel, model, options);
        StagingFolder staging = StagingFolder.Create(outputFolder, options.Overwrite);
        try
        {
            LoraExtractReport report = Extract(modules, new AdapterBuilder(baseModel, model, modules.HasTransposed), baseModel, staging, options);
            staging.Commit();
            return report;
        }
        catch
        {
            staging.Discard();
            throw;
        }
    }

    private static LoraExtractReport Extract(LoraModules modules, AdapterBuilder adapter, ModelFolder baseModel, StagingFolder staging, LoraExtractOptions options)
    {
        using var spool = new TensorSpool(Path.Combine(staging.Path, "factors.part"));
        for (int i = 0; i < modules.All.Count; i++)
        {
            options.Cancellation.ThrowIfCancellationRequested();
            Extract(modules.All[i], baseModel, options, spool, adapter);
            options.Progress?.Invoke(i + 1, modules.All.Count);
        }

        if (spool.Tensors.Count == 0)
            throw new MerganserException($"nothing to extract: every module was left out, or nothing differs from {baseModel.Path}");
        spool.WriteTo(Path.Combine(staging.Path, "adapter_model.safetensors"), staging.Path);
        adapter.WriteFiles(staging.Path, Path.GetFileName(staging.Target));
        return new LoraExtractReport(adapter.DecomposedCount, adapter.SavedCount, adapter.Rank, spool.Tensors.Sum(tensor => tensor.ByteCount));
    }

    private static void Extract(ExtractModule module, ModelFolder baseModel, LoraExtractOptions options, TensorSpool spool, AdapterBuilder adapter)
    {
        if (module.Kind == ExtractKind.Whole)
        {
            foreach (TensorSource tensor in new[] { module.Weight, module.Bias }.OfType<TensorSource>())
                spool.Copy(tensor, $"base_model.model.{tensor.Info.Name}");
            adapter.AddSaved(module.Name);
            return;
        }

        TensorInfo info = module.Weight!.Info;
        float[] delta = Difference(baseModel, module.Weight);
        int rows = checked((int)info.Shape[0]);
        int columns = delta.Length / rows;
        int rank = Math.Min(options.MaxRank, Math.Min(rows, columns));
        ThinSvd svd = Decompose(delta, rows, columns, rank, options);
        rank = Math.Min(rank, svd.Rank);
        if (options.SvEpsilon > 0)
            rank = svd.S.AsSpan(0, rank).IndexOfAnyInRange(double.NegativeInfinity, options.SvEpsilon) is var end and >= 0 ? end : rank;
        float[]? shift = module.Bias is null ? null : BiasDifference(baseModel, module.Bias);
        if (rank == 0 && shift is null)
            return;
        rank = Math.Max(rank, 1);
        WriteFactors(module, svd, rank, options.DistributeScale, spool);
        if (shift is not null)
            spool.Add(new TensorInfo($"base_model.model.{module.Name}.lora_B.bias", module.Bias!.Info.DType, module.Bias.Info.Shape), shift);
        adapter.AddDecomposed(module.Name, rank, shift is not null);
    }

    private static ThinSvd Decompose(float[] delta, int rows, int columns, int rank, LoraExtractOptions options)
    {
        int side = Math.Min(rows, columns);
        return !options.Exact && side >= RandomisedFrom && side >= (long)RandomisedRatio * rank
            ? SpectralKit.RandomizedSvd(delta, rows, columns, rank, options.Seed, options.Threads)
            : SpectralKit.Svd(delta, rows, columns, rank, options.Threads);
    }

    private static void WriteFactors(ExtractModule module, ThinSvd svd, int rank, bool distribute, TensorSpool spool)
    {
        TensorInfo info = module.Weight!.Info;
        bool isTransposed = module.Kind is ExtractKind.Embedding or ExtractKind.Transposed;
        (Matrix inputs, Matrix outputs) = isTransposed ? (svd.U, svd.V) : (svd.V, svd.U);
        float[] a = new float[rank * inputs.Rows];
        float[] b = new float[outputs.Rows * rank];
        for (int k = 0; k < rank; k++)
        {
            double factorA = distribute ? Math.Sqrt(svd.S[k]) : svd.S[k];
            double factorB = distribute ? factorA : 1;
            for (int j = 0; j < inputs.Rows; j++)
                a[(k * inputs.Rows) + j] = (float)(factorA * inputs[j, k]);
            for (int i = 0; i < outputs.Rows; i++)
                b[(i * rank) + k] = (float)(factorB * outputs[i, k]);
        }

        DType type = info.DType is DType.F16 or DType.BF16 ? info.DType : DType.F32;
        string prefix = $"base_model.model.{module.Name}.lora_";
        // The kernel axes of a convolution stay with A; B is its 1×1 counterpart.
        IEnumerable<long> kernel = isTransposed ? [] : info.Shape.Skip(2);
        long firstInput = isTransposed ? inputs.Rows : info.Shape[1];
        (string nameA, string nameB) = module.Kind == ExtractKind.Embedding ? ("embedding_A", "embedding_B") : ("A.weight", "B.weight");
        spool.Add(new TensorInfo(prefix + nameA, type, [rank, firstInput, .. kernel]), a);
        spool.Add(new TensorInfo(prefix + nameB, type, [outputs.Rows, rank, .. kernel.Select(_ => 1L)]), b);
    }

    private static float[] Difference(ModelFolder baseModel, TensorSource tensor)
    {
        float[] values = tensor.ReadSingles();
        TensorPrimitives.Subtract(values, baseModel.Weights.Tensors[tensor.Info.Name].ReadSingles(), values);
        if (values.AsSpan().ContainsAnyExceptInRange(float.MinValue, float.MaxValue))
            throw new MerganserException($"{tensor.Origin}: '{tensor.Info.Name}' or its base holds NaN or infinity; mend the model or leave the module out with --exclude-regex");
        return values;
    }

    /// <summary>The change of a bias; null when there is none.</summary>
    private static float[]? BiasDifference(ModelFolder baseModel, TensorSource bias)
    {
        if (!baseModel.Weights.Tensors.TryGetValue(bias.Info.Name, out TensorSource? old) || !old.Info.SameShape(bias.Info))
            throw new MerganserException($"{bias.Origin}: '{bias.Info.Name}' is missing in {baseModel.Path} or has another shape there");
        float[] change = Difference(baseModel, bias);
        return change.AsSpan().ContainsAnyExcept(0f) ? change : null;
    }
}
