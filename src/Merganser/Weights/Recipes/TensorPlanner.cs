using System.Collections.Immutable;
using System.Globalization;
using Merganser.Checkpoints;
using Merganser.Weights.Methods;

namespace Merganser.Weights.Recipes;

/// <summary>Makes the jobs of one slice, tensor by tensor.</summary>
internal sealed class TensorPlanner(MergeRecipe recipe, PlanOptions options, TokenizerAlignment? tokenizer, Action<string> warn)
{
    /// <summary>Content of integer tensors up to this size is compared; more would read too much for a warning.</summary>
    private const long LargestCompared = 1 << 20;

    private readonly List<string> _missing = [];
    private readonly ShapeAlignment _shapes = new(recipe.Method, options, warn);

    /// <summary>Plans one output tensor of a slice; null when it is not written.</summary>
    /// <param name="template">The tensor in the architecture.</param>
    /// <param name="slice">Where its inputs come from.</param>
    /// <param name="layer">The layer inside the slice; −1 for tensors outside the layers.</param>
    /// <param name="outputLayer">The layer in the merged model.</param>
    /// <param name="t">The position in gradients.</param>
    public TensorJob? Plan(WeightDefinition template, PlannedSlice slice, int layer, int outputLayer, double t)
    {
        WeightDefinition output = layer < 0 ? template : template.InLayer(outputLayer);
        List<PlannedInput> inputs = [];
        bool named = false;
        foreach ((OpenModel model, int first) in slice.Sources)
            Add(model, first, isBase: false);
        PlannedInput? apart = null;
        if (slice.Base is { } baseModel)
        {
            int first = layer < 0 ? 0 : slice.Slice.Sources.First(source => source.Model == baseModel.Reference).Layers!.Value.First;
            Add(baseModel, first, isBase: true);
        }

        return named || !template.Optional ? Job(output, slice, t, inputs, apart) : null;

        void Add(OpenModel model, int first, bool isBase)
        {
            WeightDefinition wanted = layer < 0 ? template : template.InLayer(first + layer);
            named |= template.Optional && model.Find(wanted, tied: false) is not null;
            if (model.Find(wanted, tied: true) is { } tensor)
            {
                PlannedInput input = new(model, wanted.Name, tensor);
                if (isBase)
                    apart = input;
                else
                    inputs.Add(input);
            }
            else if (!template.Optional && options.OnMissing == MissingTensorPolicy.Error)
            {
                _missing.Add($"{wanted.Name} in {model.Label}");
            }
        }
    }

    /// <summary>Fails when tensors are missing, all of them in one message.</summary>
    public void ThrowIfMissing()
    {
        const int shown = 12;
        if (_missing.Count == 0)
            return;
        string[] all = [.. _missing.Distinct(StringComparer.Ordinal)];
        string more = all.Length > shown ? $" and {all.Length - shown} more" : "";
        throw new MerganserException(
            $"{recipe.File}: {all.Length} tensor{(all.Length == 1 ? " is" : "s are")} missing: {string.Join(", ", all.Take(shown))}{more}; "
            + "on_missing skip_model, copy_base or copy_first merges all the same");
    }

    private TensorJob? Job(WeightDefinition output, PlannedSlice slice, double t, List<PlannedInput> inputs, PlannedInput? apart)
    {
        if (inputs.Count == 0 && apart is null)
        {
            if (options.OnMissing != MissingTensorPolicy.Error)
                throw new MerganserException($"{recipe.File}: no model of {slice.Name} has the tensor {output.Name}");
            return null;
        }

        tokenizer?.Align(output, inputs, ref apart);
        int expected = slice.Sources.Length + (slice.Base is null ? 0 : 1);
        bool incomplete = inputs.Count + (apart is null ? 0 : 1) < expected;
        if (incomplete && !output.Optional && options.OnMissing == MissingTensorPolicy.CopyFirst)
            return Copy(output, inputs.Count > 0 ? inputs[0] : apart!, "a model lacks it");
        if (incomplete && !output.Optional && options.OnMissing == MissingTensorPolicy.CopyBase)
            return Copy(output, apart ?? inputs.Find(input => input.Model.Reference == recipe.BaseModel) ?? throw new MerganserException(
                $"{recipe.File}: the tensor {output.Name} is missing in a model and there is no base to copy it from"), "a model lacks it");

        if (IsInteger(output, inputs, apart))
            return CopyInteger(output, inputs, apart);
        if (slice.Base is not null && apart is null)
            return Copy(output, inputs[0], $"the base {slice.Base.Label} lacks it");
        TensorSource? baseTensor = apart?.Tensor;
        if (inputs.Count > 0)
            _shapes.Align(output, inputs, ref baseTensor);
        if (inputs.Count < recipe.Method.MinModels)
            return TooFew(output, slice, inputs, apart);
        return Merge(output, slice, t, inputs, baseTensor);
    }

    private TensorJob Merge(WeightDefinition output, PlannedSlice slice, double t, List<PlannedInput> inputs, TensorSource? baseTensor)
    {
        DType stored = baseTensor?.Info.DType ?? Promote(inputs);
        DType compute = recipe.DType ?? stored;
        TensorInfo info = new(output.Name, recipe.OutDType ?? compute, (baseTensor ?? inputs[0].Tensor).Info.Shape);
        ImmutableArray<string>.Builder explanation = ImmutableArray.CreateBuilder<string>();
        ParameterSet parameters = Parameters(output, slice, t, inputs, explanation);
        // Weights of 1 and otherwise 0 are what layer swapping is made of: that model's bytes are copied, the others not read.
        int? only = options.StrictMergekit || recipe.Method is not Linear ? null : Linear.OnlyModel(parameters, inputs.Count);
        return new TensorJob(info, only is { } model ? [inputs[model].Tensor] : [.. inputs.Select(input => input.Tensor)])
        {
            Method = only is null ? recipe.Method : null,
            Base = baseTensor,
            ComputeType = options.StrictMergekit ? compute : null,
            Explanation = explanation.DrainToImmutable(),
            Context = new TensorContext
            {
                Name = output.Name,
                Shape = info.Shape,
                Models = [.. inputs.Select(input => input.Model.Label)],
                HasBase = baseTensor is not null,
                Parameters = parameters,
                Rounding = options.StrictMergekit ? Rounding.Of(compute) : Rounding.None,
                StrictMergekit = options.StrictMergekit,
                Seed = options.Seed,
                IsEmbedding = output.IsEmbedding,
                InjectedMask = options.InjectedMask,
                Warn = options.Warn,
            },
        };
    }

    private ParameterSet Parameters(WeightDefinition output, PlannedSlice slice, double t, List<PlannedInput> inputs, ImmutableArray<string>.Builder explanation)
    {
        ParameterResolver resolver = new(recipe, slice.Module, slice.Slice);
        ParameterSet set = new();
        foreach (MethodParameter parameter in recipe.Method.Parameters)
        {
            for (int model = 0; model < (parameter.PerModel ? inputs.Count : 1); model++)
            {
                PlannedInput? input = parameter.PerModel ? inputs[model] : null;
                bool found = resolver.TryResolve(parameter, input?.Model.Reference, output.Name, input?.InputName ?? output.Name, t, out double value, out string why);
                if (found)
                    set.Set(parameter.Name, value, parameter.PerModel ? model : -1);
                else if (parameter.Default is null)
                    throw Missing(parameter, input, output, slice);
                if (found && (value < parameter.Minimum || value > parameter.Maximum))
                    throw new MerganserException(string.Create(CultureInfo.InvariantCulture, $"{recipe.File}: {output.Name}: parameter '{parameter.Name}' is {value:R}; allowed is {parameter.Minimum:R} to {parameter.Maximum:R}"));
                explanation.Add(input is null ? $"{parameter.Name} = {why}" : $"{parameter.Name}[{input.Model.Label}] = {why}");
            }
        }

        return set;
    }

    private MerganserException Missing(MethodParameter parameter, PlannedInput? input, WeightDefinition output, PlannedSlice slice)
    {
        if (input is null)
            return recipe.Position.Error($"Missing required parameter {parameter.Name} for {output.Name}; set it under 'parameters'");
        RecipePosition at = slice.Slice.Sources.First(source => source.Model == input.Model.Reference).Position;
        string hint = input.Model.Reference == recipe.BaseModel ? $"; {recipe.Method.Name} counts the base_model as an input like the others" : "";
        return at.Error($"Missing required parameter {parameter.Name} for {input.Model.Label}.{input.InputName}{hint}");
    }

    /// <summary>An optional tensor that too few models have: nothing can be merged, so it stays as it is.</summary>
    private TensorJob? TooFew(WeightDefinition output, PlannedSlice slice, List<PlannedInput> inputs, PlannedInput? apart)
    {
        string why = $"only {inputs.Count} of {slice.Sources.Length} models can take part and {recipe.Method.Name} needs {recipe.Method.MinModels}";
        if (options.StrictMergekit && apart is not null && inputs.Count > 0 && recipe.Method.MinModels > 1)
        {
            warn($"{output.Name}: left out: {why}");
            return null;
        }

        return Copy(output, apart ?? inputs[0], why);
    }

    private TensorJob Copy(WeightDefinition output, PlannedInput input, string why)
    {
        warn($"{output.Name}: copied from {input.Model.Label}: {why}");
        TensorInfo info = input.Tensor.Info;
        DType type = info.DType.IsFloat() ? recipe.OutDType ?? recipe.DType ?? info.DType : info.DType;
        return new TensorJob(new TensorInfo(output.Name, type, info.Shape), [input.Tensor]) { Explanation = [$"copied from {input.Model.Label}: {why}"] };
    }

    private static bool IsInteger(WeightDefinition output, List<PlannedInput> inputs, PlannedInput? apart)
    {
        PlannedInput reference = apart ?? inputs[0];
        bool integer = !reference.Tensor.Info.DType.IsFloat();
        PlannedInput? other = inputs.Find(input => input.Tensor.Info.DType.IsFloat() == integer);
        return other is null
            ? integer
            : throw new MerganserException(
                $"{output.Name}: holds {reference.Tensor.Info.DType.TorchName()} in {reference.Model.Label} but {other.Tensor.Info.DType.TorchName()} in {other.Model.Label}; these cannot be merged");
    }

    /// <summary>Integers and booleans are never merged.</summary>
    private TensorJob CopyInteger(WeightDefinition output, List<PlannedInput> inputs, PlannedInput? apart)
    {
        PlannedInput from = apart ?? inputs.Find(input => input.Model.Reference == recipe.BaseModel) ?? inputs[0];
        foreach (PlannedInput input in inputs)
        {
            if (!SameContent(from.Tensor, input.Tensor))
                warn($"{output.Name}: integers are copied from {from.Model.Label}, but {input.Model.Label} has others");
        }

        TensorInfo info = from.Tensor.Info;
        return new TensorJob(new TensorInfo(output.Name, info.DType, info.Shape), [from.Tensor]) { Explanation = [$"copied from {from.Model.Label}: integers are not merged"] };
    }

    private static bool SameContent(TensorSource first, TensorSource second)
    {
        if (ReferenceEquals(first, second))
            return true;
        if (first.Info.DType != second.Info.DType || !first.Info.SameShape(second.Info))
            return false;
        if (first.Info.ByteCount > LargestCompared)
            return true;
        byte[] a = new byte[first.Info.ByteCount], b = new byte[first.Info.ByteCount];
        first.Read(0, a);
        second.Read(0, b);
        return a.AsSpan().SequenceEqual(b);
    }

    /// <summary>The type that holds all inputs, as torch promotes a stack of them: of two different 16-bit types it is float32.</summary>
    private static DType Promote(List<PlannedInput> inputs)
    {
        DType type = inputs[0].Tensor.Info.DType;
        foreach (PlannedInput input in inputs)
        {
            DType other = input.Tensor.Info.DType;
            if (other == type)
                continue;
            int size = Math.Max(other.Size(), type.Size());
            type = other.Size() == type.Size() ? DType.F32 : other.Size() == size ? other : type;
        }

        return type;
    }
}
