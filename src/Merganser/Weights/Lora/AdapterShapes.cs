using Merganser.Checkpoints;

namespace Merganser.Weights.Lora;

/// <summary>Checks that the tensors of an adapter fit the tensors that they change.</summary>
internal static class AdapterShapes
{
    private const string VocabularyHint = "the adapter was trained with a bigger vocabulary: use the base model whose tokenizer was extended in the same way, or resize its embeddings first";

    public static void CheckReplacement(TensorInfo tensor, TensorInfo old, string path)
    {
        if (tensor.SameShape(old))
            return;
        string message = $"{path}: '{tensor.Name}' is {tensor.ShapeText}, the model's '{old.Name}' is {old.ShapeText}";
        bool moreRows = tensor.Shape.Length == 2 && old.Shape.Length == 2 && tensor.Shape[1] == old.Shape[1] && tensor.Shape[0] > old.Shape[0];
        throw new MerganserException(moreRows ? $"{message}; {VocabularyHint}" : message);
    }

    /// <summary>Checks A [rank, in, …] and B [out, rank, 1, …] against the stored matrix.</summary>
    public static void CheckFactors(string module, TensorInfo a, TensorInfo b, TensorInfo weight, bool transposed, double rank, string path)
    {
        if (!weight.DType.IsFloat())
            throw new MerganserException($"{path}: '{weight.Name}' of the model is {weight.DType.SafetensorsName()}; adapters can only be added to floating-point weights");
        if (a.Shape.Length < 2 || b.Shape.Length < 2 || weight.Shape.Length < 2 || (transposed && weight.Shape.Length != 2))
            throw Misfit(a, b, weight, path);
        long inputs = a.Shape[0] == 0 ? 0 : a.ElementCount / a.Shape[0];
        long outputs = b.Shape[0];
        if (a.Shape[0] != b.Shape[1] || b.ElementCount != outputs * a.Shape[0])
            throw Misfit(a, b, weight, path);
        if (a.Shape[0] != rank)
            throw new MerganserException($"{path}: '{a.Name}' has rank {a.Shape[0]}, {AdapterConfig.FileName} gives {rank} for '{module}'");
        long rows = transposed ? inputs : outputs;
        long columns = transposed ? outputs : inputs;
        long weightColumns = weight.Shape[0] == 0 ? 0 : weight.ElementCount / weight.Shape[0];
        if (rows == weight.Shape[0] && columns == weightColumns)
            return;
        MerganserException error = Misfit(a, b, weight, path);
        bool isVocabulary = columns == weightColumns && rows > weight.Shape[0]
            && (weight.Name.Contains("embed", StringComparison.Ordinal) || weight.Name.Contains("head", StringComparison.Ordinal) || weight.Name.Contains("wte", StringComparison.Ordinal));
        throw isVocabulary ? new MerganserException($"{error.Message}; {VocabularyHint}") : error;
    }

    /// <summary>True when the factors fit W as (out, in) and not as (in, out).</summary>
    public static bool FitsOnlyAsStored(TensorInfo a, TensorInfo b, TensorInfo weight) =>
        a.Shape.Length == 2 && b.Shape.Length == 2 && weight.Shape.Length == 2 && a.Shape[1] != b.Shape[0]
        && b.Shape[0] == weight.Shape[0] && a.Shape[1] == weight.Shape[1];

    private static MerganserException Misfit(TensorInfo a, TensorInfo b, TensorInfo weight, string path) =>
        new($"{path}: '{a.Name}' {a.ShapeText} and '{b.Name}' {b.ShapeText} do not fit the model's '{weight.Name}' {weight.ShapeText}");
}
