using System.Numerics.Tensors;
using Merganser.Checkpoints;
using Merganser.Weights.Spectral;

namespace Merganser.Weights.Moe;

/// <summary>A sequence of tokens for the forward pass.</summary>
/// <param name="Tokens">The ids; at least one.</param>
/// <param name="PaddedLength">The length with padding before it. Rotary positions count differences only, so padding itself needs no computing;
/// the length matters to stretched positions that depend on it.</param>
internal readonly record struct CausalPrompt(int[] Tokens, int PaddedLength);

/// <summary>
/// The forward pass of Llama, Mistral, Qwen2 and Qwen3 models in float32, one layer for all prompts before the next:
/// <c>h = x + o(attention(RMS(x)))</c>, <c>x = h + down(act(gate(RMS(h)))·up(RMS(h)))</c>.
/// Every matrix is read once per layer and group of prompts and never kept, so memory is that of the states (tokens × width) and of
/// one group's intermediate values; it does not grow with the model's depth or size.
/// </summary>
internal sealed class CausalForward(CausalShape shape, Func<string, TensorSource?> find, string origin, int threads)
{
    private const int GroupTokens = 512;

    private int _inner;

    /// <summary>Computes the states that enter the layers.</summary>
    /// <param name="prompts">The sequences.</param>
    /// <param name="count">How many states: 1 gives the embeddings only, <c>Layers</c> what enters each layer, one more what leaves the last (before the final norm).</param>
    /// <param name="visit">Gets the number of the layer and the states, [all tokens, width], prompt by prompt.</param>
    /// <exception cref="MerganserException">A tensor is missing, has another shape than the configuration says, or cannot be read.</exception>
    public void Run(IReadOnlyList<CausalPrompt> prompts, int count, Action<int, float[]> visit)
    {
        int[] starts = new int[prompts.Count + 1];
        for (int i = 0; i < prompts.Count; i++)
            starts[i + 1] = checked(starts[i] + prompts[i].Tokens.Length);
        float[] states = Embed(prompts, starts[^1]);
        for (int layer = 0; ; layer++)
        {
            visit(layer, states);
            if (layer + 1 >= count)
                return;
            for (int first = 0; first < prompts.Count;)
            {
                int end = first + 1;
                while (end < prompts.Count && starts[end + 1] - starts[first] <= GroupTokens)
                    end++;
                Layer(layer, prompts, starts, first, end, states.AsMemory(starts[first] * shape.Hidden, (starts[end] - starts[first]) * shape.Hidden));
                first = end;
            }
        }
    }

    private float[] Embed(IReadOnlyList<CausalPrompt> prompts, int total)
    {
        TensorSource embedding = find("model.embed_tokens.weight") ?? throw Missing("model.embed_tokens.weight");
        CheckType(embedding);
        float[] states = new float[checked(total * shape.Hidden)];
        byte[] bytes = new byte[shape.Hidden * embedding.Info.DType.Size()];
        int at = 0;
        foreach (CausalPrompt prompt in prompts)
        {
            foreach (int id in prompt.Tokens)
            {
                embedding.Read((long)id * bytes.Length, bytes);
                TensorCast.ToSingle(bytes, embedding.Info.DType, states.AsSpan(at, shape.Hidden));
                at += shape.Hidden;
            }
        }

        return states;
    }

    private void Layer(int layer, IReadOnlyList<CausalPrompt> prompts, int[] starts, int first, int end, Memory<float> states)
    {
        string prefix = $"model.layers.{layer}.";
        int tokens = states.Length / shape.Hidden;
        int queryWidth = shape.Heads * shape.HeadWidth, keyWidth = shape.KeyHeads * shape.HeadWidth;
        float[] normed = new float[states.Length];
        float[] queries = new float[checked(tokens * queryWidth)], keys = new float[checked(tokens * keyWidth)], values = new float[keys.Length];
        Normalize(states.Span, normed, prefix + "input_layernorm.weight", shape.Hidden);
        Project(prefix + "self_attn.q_proj", normed, shape.Hidden, tokens, queries, queryWidth);
        Project(prefix + "self_attn.k_proj", normed, shape.Hidden, tokens, keys, keyWidth);
        Project(prefix + "self_attn.v_proj", normed, shape.Hidden, tokens, values, keyWidth);
        if (find(prefix + "self_attn.q_norm.weight") is not null)
        {
            Normalize(queries, queries, prefix + "self_attn.q_norm.weight", shape.HeadWidth);
            Normalize(keys, keys, prefix + "self_attn.k_norm.weight", shape.HeadWidth);
        }

        for (int i = first; i < end; i++)
        {
            int from = starts[i] - starts[first], length = prompts[i].Tokens.Length;
            (float[] cosines, float[] sines) = shape.Rotary.Table(length, prompts[i].PaddedLength);
            Rotate(queries.AsSpan(from * queryWidth, length * queryWidth), shape.Heads, cosines, sines);
            Rotate(keys.AsSpan(from * keyWidth, length * keyWidth), shape.KeyHeads, cosines, sines);
            Attend(queries.AsMemory(from * queryWidth, length * queryWidth), keys.AsMemory(from * keyWidth, length * keyWidth), values.AsMemory(from * keyWidth, length * keyWidth), length, shape.Windows[layer]);
        }

        Project(prefix + "self_attn.o_proj", queries, queryWidth, tokens, normed, shape.Hidden);
        TensorPrimitives.Add(states.Span, normed, states.Span);
        Normalize(states.Span, normed, prefix + "post_attention_layernorm.weight", shape.Hidden);
        for (int token = 0; token < tokens; token += GroupTokens)
        {
            int part = Math.Min(GroupTokens, tokens - token);
            FeedForward(prefix, normed.AsMemory(token * shape.Hidden, part * shape.Hidden), part);
        }

        TensorPrimitives.Add(states.Span, normed, states.Span);
    }

    /// <summary>Replaces normed states by what the feed-forward layer makes of them.</summary>
    private void FeedForward(string prefix, Memory<float> states, int tokens)
    {
        if (_inner == 0)
            _inner = checked((int)Math.Min(int.MaxValue, Matrix(prefix + "mlp.gate_proj.weight").Info.Shape[0]));
        float[] gate = new float[checked(tokens * _inner)], up = new float[gate.Length];
        Project(prefix + "mlp.gate_proj", states, shape.Hidden, tokens, gate, _inner);
        Project(prefix + "mlp.up_proj", states, shape.Hidden, tokens, up, _inner);
        Work.Run(threads, tokens, token =>
        {
            Span<float> row = gate.AsSpan(token * _inner, _inner);
            Activate(row);
            TensorPrimitives.Multiply(row, up.AsSpan(token * _inner, _inner), row);
        });
        Project(prefix + "mlp.down_proj", gate, _inner, tokens, states, shape.Hidden);
    }

    private void Activate(Span<float> row)
    {
        for (int i = 0; i < row.Length; i++)
        {
            float x = row[i];
            row[i] = shape.Activation switch
            {
                GateActivation.Silu => x / (1 + MathF.Exp(-x)),
                GateActivation.GeluTanh => 0.5f * x * (1 + MathF.Tanh(0.7978845608f * (x + (0.044715f * x * x * x)))),
                _ => (float)(0.5 * x * (1 + Erf(x / Math.Sqrt(2)))),
            };
        }
    }

    /// <summary>The error function to 1.5e-7 (Abramowitz and Stegun, 7.1.26).</summary>
    private static double Erf(double x)
    {
        double z = Math.Abs(x), t = 1 / (1 + (0.3275911 * z));
        double polynomial = t * (0.254829592 + (t * (-0.284496736 + (t * (1.421413741 + (t * (-1.453152027 + (t * 1.061405429))))))));
        return Math.CopySign(1 - (polynomial * Math.Exp(-z * z)), x);
    }

    /// <summary><c>x·w/√(mean(x²) + ε)</c>, row by row.</summary>
    private void Normalize(ReadOnlySpan<float> rows, Span<float> result, string name, int width)
    {
        TensorSource source = find(name) ?? throw Missing(name);
        if (source.Info.Shape is not [long length] || length != width)
            throw new MerganserException($"{source.Origin}: '{name}' is {source.Info.ShapeText}, not [{width}] as the configuration says");
        CheckType(source);
        float[] weight = source.ReadSingles();
        for (int start = 0; start < rows.Length; start += width)
        {
            ReadOnlySpan<float> row = rows.Slice(start, width);
            float factor = (float)(1 / Math.Sqrt((TensorPrimitives.SumOfSquares(row) / width) + shape.Epsilon));
            Span<float> target = result.Slice(start, width);
            TensorPrimitives.Multiply(row, factor, target);
            TensorPrimitives.Multiply(target, weight, target);
        }
    }

    private void Rotate(Span<float> rows, int heads, float[] cosines, float[] sines)
    {
        int half = shape.Rotary.Width / 2, stride = heads * shape.HeadWidth;
        for (int start = 0; start < rows.Length; start += shape.HeadWidth)
        {
            int table = start / stride * half;
            Span<float> low = rows.Slice(start, half), high = rows.Slice(start + half, half);
            for (int m = 0; m < half; m++)
            {
                (float cosine, float sine) = (cosines[table + m], sines[table + m]);
                (low[m], high[m]) = ((low[m] * cosine) - (high[m] * sine), (high[m] * cosine) + (low[m] * sine));
            }
        }
    }

    /// <summary>Causal attention of one prompt; the results replace the queries.</summary>
    private void Attend(Memory<float> queries, Memory<float> keys, Memory<float> values, int length, int window)
    {
        int width = shape.HeadWidth, queryStride = shape.Heads * width, keyStride = shape.KeyHeads * width;
        float scale = (float)(1 / Math.Sqrt(width));
        Work.Run(threads, shape.Heads, head =>
        {
            float[] scores = new float[length];
            int keyHead = head / (shape.Heads / shape.KeyHeads) * width;
            for (int token = 0; token < length; token++)
            {
                Span<float> query = queries.Span.Slice((token * queryStride) + (head * width), width);
                int first = window == 0 ? 0 : Math.Max(0, token - window + 1);
                Span<float> weights = scores.AsSpan(0, token + 1 - first);
                for (int j = 0; j < weights.Length; j++)
                    weights[j] = scale * TensorPrimitives.Dot(query, keys.Span.Slice(((first + j) * keyStride) + keyHead, width));
                TensorPrimitives.SoftMax(weights, weights);
                query.Clear();
                for (int j = 0; j < weights.Length; j++)
                    TensorPrimitives.MultiplyAdd(values.Span.Slice(((first + j) * keyStride) + keyHead, width), weights[j], query, query);
            }
        });
    }

    private void Project(string name, ReadOnlyMemory<float> x, int columns, int tokens, Memory<float> y, int rows)
    {
        TensorSource weight = Matrix(name + ".weight");
        if (weight.Info.Shape[0] != rows || weight.Info.Shape[1] != columns)
            throw new MerganserException($"{weight.Origin}: '{name}.weight' is {weight.Info.ShapeText}, not [{rows}, {columns}] as the configuration says");
        float[]? bias = null;
        if (find(name + ".bias") is { } shift)
        {
            if (shift.Info.Shape is not [long length] || length != rows)
                throw new MerganserException($"{shift.Origin}: '{name}.bias' is {shift.Info.ShapeText}, not [{rows}]");
            CheckType(shift);
            bias = shift.ReadSingles();
        }

        StreamedProduct.Multiply(weight, bias, x, tokens, y, threads);
    }

    private TensorSource Matrix(string name)
    {
        TensorSource matrix = find(name) ?? throw Missing(name);
        CheckType(matrix);
        return matrix.Info.Shape.Length == 2 ? matrix : throw new MerganserException($"{matrix.Origin}: '{name}' is {matrix.Info.ShapeText}; it must be a matrix");
    }

    private static void CheckType(TensorSource tensor)
    {
        if (tensor.Info.DType is not (DType.F32 or DType.F16 or DType.BF16 or DType.F64))
            throw new MerganserException($"{tensor.Origin}: '{tensor.Info.Name}' is stored as {tensor.Info.DType.SafetensorsName()}; hidden states need F32, F16 or BF16 weights");
    }

    private MerganserException Missing(string name) => new($"{origin}: has no tensor '{name}', which hidden states need");
}
