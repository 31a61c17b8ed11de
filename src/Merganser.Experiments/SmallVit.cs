using System.Numerics.Tensors;
using Merganser.Checkpoints;

namespace Merganser.Experiments;

/// <summary>
/// The forward pass of the small vision transformers under <c>models/vit28-tasks</c>, in managed code: enough to measure what
/// a merge did to the accuracy. Pre-LN blocks (norm1, qkv, proj, norm2, fc1, fc2), GELU with erf, the feature is the CLS token
/// after the last norm. "An Image is Worth 16x16 Words", arXiv 2010.11929.
/// </summary>
/// <remarks>Sizes come from the tensors; the number of heads is not in them and is 4 as in that family. Safe for several threads at once.</remarks>
public sealed class SmallVit
{
    private const int Heads = 4;
    private const float Epsilon = 1e-6f;

    private readonly Block[] _blocks;
    private readonly Linear _patch;
    private readonly (float[] Weight, float[] Bias) _norm;
    private readonly float[] _cls, _positions;
    private readonly int _patchSize, _grid, _tokens;

    /// <summary>Reads the weights.</summary>
    /// <exception cref="MerganserException">A tensor is missing or has another shape than this family.</exception>
    public SmallVit(Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        var reader = new WeightReader(checkpoint);
        long[] patch = reader.Shape("patch.weight", 4);
        (Width, _patchSize) = ((int)patch[0], (int)patch[3]);
        _patch = reader.Linear("patch", _patchSize * _patchSize, Width);
        _tokens = (int)reader.Shape("pos_embed", 3)[1];
        _grid = (int)Math.Sqrt(_tokens - 1);
        _cls = reader.Vector("cls_token", Width);
        _positions = reader.Vector("pos_embed", _tokens * Width);
        _norm = (reader.Vector("norm.weight", Width), reader.Vector("norm.bias", Width));
        int depth = 0;
        while (checkpoint.Tensors.ContainsKey($"blocks.{depth}.norm1.weight"))
            depth++;
        _blocks = [.. Enumerable.Range(0, depth).Select(layer => new Block(reader, $"blocks.{layer}.", Width))];
        if (Width % Heads != 0 || _grid * _grid != _tokens - 1)
            throw new MerganserException($"{checkpoint.Path}: width {Width} and {_tokens} positions are not those of a square vision transformer with {Heads} heads");
    }

    /// <summary>The length of a feature.</summary>
    public int Width { get; }

    /// <summary>Pixels per row and per column of an image.</summary>
    public int ImageSize => _grid * _patchSize;

    /// <summary>Computes the features of some images.</summary>
    /// <param name="images">[B, ImageSize, ImageSize], pixels scaled to −1…1.</param>
    /// <param name="count">B.</param>
    /// <returns>[B, Width].</returns>
    public float[] Features(ReadOnlySpan<float> images, int count)
    {
        float[] x = Embed(images, count); // [B·N, D]
        float[] normed = new float[x.Length], update = new float[x.Length];
        foreach (Block block in _blocks)
        {
            LayerNorm(x, block.Norm1, normed);
            float[] qkv = block.Qkv.Apply(normed, count * _tokens); // [B·N, 3·D]
            for (int image = 0; image < count; image++)
                Attend(qkv.AsSpan(image * _tokens * 3 * Width, _tokens * 3 * Width), normed.AsSpan(image * _tokens * Width, _tokens * Width));
            block.Proj.Apply(normed, update, count * _tokens);
            TensorPrimitives.Add(x, update, x);

            LayerNorm(x, block.Norm2, normed);
            float[] hidden = block.Fc1.Apply(normed, count * _tokens); // [B·N, 2·D]
            Gelu.Apply(hidden);
            block.Fc2.Apply(hidden, update, count * _tokens);
            TensorPrimitives.Add(x, update, x);
        }

        float[] features = new float[count * Width];
        for (int image = 0; image < count; image++)
            x.AsSpan(image * _tokens * Width, Width).CopyTo(features.AsSpan(image * Width));
        LayerNorm(features, _norm, features);
        return features;
    }

    /// <summary>Cuts the images into patches, projects them and puts CLS in front.</summary>
    private float[] Embed(ReadOnlySpan<float> images, int count)
    {
        int area = _patchSize * _patchSize, patches = _tokens - 1;
        float[] cut = new float[count * patches * area];
        for (int patch = 0; patch < count * patches; patch++)
        {
            int image = patch / patches, top = patch % patches / _grid * _patchSize, left = patch % _grid * _patchSize;
            for (int row = 0; row < _patchSize; row++)
            {
                int from = (image * ImageSize + top + row) * ImageSize + left;
                images.Slice(from, _patchSize).CopyTo(cut.AsSpan(patch * area + row * _patchSize));
            }
        }

        float[] projected = _patch.Apply(cut, count * patches), x = new float[count * _tokens * Width];
        for (int image = 0; image < count; image++)
        {
            Span<float> tokens = x.AsSpan(image * _tokens * Width, _tokens * Width);
            _cls.CopyTo(tokens);
            projected.AsSpan(image * patches * Width, patches * Width).CopyTo(tokens[Width..]);
            TensorPrimitives.Add(tokens, _positions, tokens);
        }

        return x;
    }

    /// <summary>Attention of one image: <c>softmax(q kᵀ / √d) v</c> per head, heads side by side.</summary>
    private void Attend(ReadOnlySpan<float> qkv, Span<float> output)
    {
        int size = Width / Heads, stride = 3 * Width;
        float scale = 1 / MathF.Sqrt(size);
        Span<float> scores = stackalloc float[_tokens];
        output.Clear();
        for (int head = 0; head < Heads; head++)
        {
            for (int query = 0; query < _tokens; query++)
            {
                ReadOnlySpan<float> q = qkv.Slice(query * stride + head * size, size);
                for (int key = 0; key < _tokens; key++)
                    scores[key] = scale * TensorPrimitives.Dot(q, qkv.Slice(key * stride + Width + head * size, size));
                TensorPrimitives.SoftMax(scores, scores);
                Span<float> sum = output.Slice(query * Width + head * size, size);
                for (int key = 0; key < _tokens; key++)
                    TensorPrimitives.MultiplyAdd(qkv.Slice(key * stride + 2 * Width + head * size, size), scores[key], sum, sum);
            }
        }
    }

    private void LayerNorm(ReadOnlySpan<float> x, (float[] Weight, float[] Bias) norm, Span<float> output)
    {
        for (int start = 0; start < x.Length; start += Width)
        {
            Span<float> row = output.Slice(start, Width);
            TensorPrimitives.Subtract(x.Slice(start, Width), TensorPrimitives.Sum(x.Slice(start, Width)) / Width, row);
            float deviation = MathF.Sqrt(TensorPrimitives.SumOfSquares<float>(row) / Width + Epsilon);
            TensorPrimitives.Divide(row, deviation, row);
            TensorPrimitives.MultiplyAdd(row, norm.Weight, norm.Bias, row);
        }
    }

    private sealed class Block
    {
        public Block(WeightReader reader, string prefix, int width)
        {
            int hidden = (int)reader.Shape(prefix + "fc1.weight", 2)[0];
            Norm1 = (reader.Vector(prefix + "norm1.weight", width), reader.Vector(prefix + "norm1.bias", width));
            Qkv = reader.Linear(prefix + "qkv", width, 3 * width);
            Proj = reader.Linear(prefix + "proj", width, width);
            Norm2 = (reader.Vector(prefix + "norm2.weight", width), reader.Vector(prefix + "norm2.bias", width));
            Fc1 = reader.Linear(prefix + "fc1", width, hidden);
            Fc2 = reader.Linear(prefix + "fc2", hidden, width);
        }

        public (float[] Weight, float[] Bias) Norm1 { get; }

        public Linear Qkv { get; }

        public Linear Proj { get; }

        public (float[] Weight, float[] Bias) Norm2 { get; }

        public Linear Fc1 { get; }

        public Linear Fc2 { get; }
    }
}
