using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>A model's tensor on its way into a job.</summary>
internal sealed record PlannedInput(OpenModel Model, string InputName, TensorSource Tensor);

/// <summary>Brings the inputs of a tensor to one shape, or says why not.</summary>
internal sealed class ShapeAlignment(MergeMethod method, PlanOptions options, Action<string> warn)
{
    /// <summary>Changes the inputs (and the base) in place; task-vector methods may lose models that do not fit.</summary>
    public void Align(WeightDefinition definition, List<PlannedInput> inputs, ref TensorSource? baseTensor)
    {
        TensorInfo reference = baseTensor?.Info ?? inputs[0].Tensor.Info;
        PlannedInput? odd = inputs.Find(input => !input.Tensor.Info.SameShape(reference));
        if (odd is null)
            return;
        bool matrices = reference.Shape.Length == 2 && inputs.TrueForAll(input => input.Tensor.Info.Shape.Length == 2);
        if (definition.IsEmbedding && matrices && options.EmbedMismatch != EmbeddingMismatchPolicy.Error)
        {
            if (options.EmbedMismatch == EmbeddingMismatchPolicy.PadBase)
                Pad(definition, inputs, baseTensor);
            else
                Cut(definition, inputs, ref baseTensor);
            return;
        }

        // mergekit merges such a model in part without a word; here that takes the switch that asks for mergekit.
        if (options.StrictMergekit && method.SlicesToBase && baseTensor is not null && !definition.IsEmbedding)
        {
            foreach (PlannedInput input in inputs.FindAll(input => !input.Tensor.Info.SameShape(reference)))
                warn($"{definition.Name}: {input.Model.Label} is left out: its shape {input.Tensor.Info.ShapeText} is not the base's {reference.ShapeText}");
            inputs.RemoveAll(input => !input.Tensor.Info.SameShape(reference));
            return;
        }

        string hint = definition.IsEmbedding ? "; embed_mismatch common_submatrix merges the part that all have" : "; these models cannot be merged with one another";
        string first = baseTensor?.Origin ?? inputs[0].Model.Label;
        throw new MerganserException($"{definition.Name}: has shape {reference.ShapeText} in {first} but {odd.Tensor.Info.ShapeText} in {odd.Model.Label}{hint}");
    }

    private void Cut(WeightDefinition definition, List<PlannedInput> inputs, ref TensorSource? baseTensor)
    {
        long rows = long.MaxValue, columns = long.MaxValue;
        foreach (PlannedInput input in inputs)
        {
            rows = Math.Min(rows, input.Tensor.Info.Shape[0]);
            columns = Math.Min(columns, input.Tensor.Info.Shape[1]);
        }

        if (baseTensor is not null)
        {
            // The usual case of the task-vector methods, a base of the fewest rows, is a cut to the base; if a model has fewer, the base is cut too.
            rows = Math.Min(rows, baseTensor.Info.Shape[0]);
            columns = Math.Min(columns, baseTensor.Info.Shape[1]);
            baseTensor = Part(baseTensor, rows, columns);
        }

        warn($"{definition.Name}: shapes differ ({Shapes(inputs)}); only the common [{rows}, {columns}] is merged");
        for (int i = 0; i < inputs.Count; i++)
            inputs[i] = inputs[i] with { Tensor = Part(inputs[i].Tensor, rows, columns) };
    }

    private void Pad(WeightDefinition definition, List<PlannedInput> inputs, TensorSource? baseTensor)
    {
        if (baseTensor is null)
            throw new MerganserException($"{definition.Name}: embed_mismatch pad_base needs a base_model that is kept apart, which {method.Name} has not here");
        TensorInfo target = baseTensor.Info;
        warn($"{definition.Name}: shapes differ ({Shapes(inputs)}); all models get the base's {target.ShapeText}");
        for (int i = 0; i < inputs.Count; i++)
        {
            TensorSource tensor = inputs[i].Tensor;
            if (tensor.Info.Shape[1] < target.Shape[1] || (tensor.Info.DType != target.DType && tensor.Info.Shape[0] < target.Shape[0]))
                throw new MerganserException($"{definition.Name}: {inputs[i].Model.Label} has {tensor.Info.DType} {tensor.Info.ShapeText}, which the base's rows {target.DType} {target.ShapeText} cannot extend");
            tensor = Part(tensor, Math.Min(tensor.Info.Shape[0], target.Shape[0]), target.Shape[1]);
            inputs[i] = inputs[i] with { Tensor = tensor.Info.Shape[0] < target.Shape[0] ? new PaddedSource(tensor, baseTensor) : tensor };
        }
    }

    private static TensorSource Part(TensorSource tensor, long rows, long columns) =>
        tensor.Info.Shape[0] == rows && tensor.Info.Shape[1] == columns ? tensor : new SlicedSource(tensor, rows, columns);

    private static string Shapes(List<PlannedInput> inputs) => string.Join(", ", inputs.Select(input => $"{input.Model.Label} {input.Tensor.Info.ShapeText}"));
}
