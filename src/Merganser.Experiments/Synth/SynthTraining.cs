using System.Numerics.Tensors;

namespace Merganser.Experiments.Synth;

/// <summary>Trains a synthetic network: cross-entropy, AdamW without decay, batches of 128 drawn with replacement, learning rate <c>lr·½(1 + cos(πi/steps))</c>.</summary>
internal sealed class SynthTraining
{
    private const int Batch = 128;
    private const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;

    private readonly SynthNetwork _network;
    private readonly bool _trainHead;
    private readonly (float[] First, float[] Second, float[] Gradient)[] _weights, _biases;
    private readonly (float[] Before, float[] After)[] _trace = new (float[], float[])[SynthNetwork.Depth];

    private SynthTraining(SynthNetwork network, bool trainHead)
    {
        (_network, _trainHead) = (network, trainHead);
        _weights = [.. network.Weights.Select(State)];
        _biases = [.. network.Biases.Select(State)];
    }

    /// <summary>Trains in place.</summary>
    public static void Run(SynthNetwork network, SynthSet data, int steps, double rate, bool trainHead, SynthRandom random, CancellationToken cancellation)
    {
        var training = new SynthTraining(network, trainHead);
        float[] inputs = new float[Batch * SynthNetwork.Inputs];
        byte[] labels = new byte[Batch];
        for (int step = 0; step < steps; step++)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int i = 0; i < Batch; i++)
            {
                int sample = random.Below(data.Count);
                data.Inputs.AsSpan(sample * SynthNetwork.Inputs, SynthNetwork.Inputs).CopyTo(inputs.AsSpan(i * SynthNetwork.Inputs));
                labels[i] = data.Labels[sample];
            }

            training.Gradients(inputs, labels);
            training.Step(step + 1, rate * 0.5 * (1 + Math.Cos(Math.PI * step / steps)));
        }
    }

    private static (float[], float[], float[]) State(float[] values) => (new float[values.Length], new float[values.Length], new float[values.Length]);

    private void Gradients(float[] x, byte[] labels)
    {
        float[] gradient = _network.Forward(x, Batch, _trace); // [B, 6]: logits, then their gradient
        for (int i = 0; i < Batch; i++)
        {
            Span<float> row = gradient.AsSpan(i * SynthNetwork.Classes, SynthNetwork.Classes);
            TensorPrimitives.SoftMax(row, row);
            row[labels[i]] -= 1;
        }

        TensorPrimitives.Multiply(gradient, 1f / Batch, gradient);
        for (int layer = SynthNetwork.Depth; layer >= 0; layer--)
        {
            int rows = _network.Rows(layer), columns = _network.Columns(layer);
            float[] input = layer == 0 ? x : _trace[layer - 1].After;
            if (layer < SynthNetwork.Depth || _trainHead)
            {
                SingleGemm.Multiply(input, 1, rows, gradient, _weights[layer].Gradient, rows, Batch, columns);
                float[] bias = _biases[layer].Gradient;
                Array.Clear(bias);
                for (int i = 0; i < Batch; i++)
                    TensorPrimitives.Add(bias, gradient.AsSpan(i * columns, columns), bias);
            }

            if (layer == 0)
                return;
            float[] transposed = Transpose(_network.Weights[layer], rows, columns), below = new float[Batch * rows];
            SingleGemm.Multiply(gradient, columns, 1, transposed, below, Batch, columns, rows);
            MultiplySlope(below, _trace[layer - 1].Before, _trace[layer - 1].After);
            gradient = below;
        }
    }

    /// <summary>GELU'(x) = Φ(x) + x·φ(x); Φ(x) is GELU(x)/x.</summary>
    private static void MultiplySlope(float[] gradient, float[] before, float[] after)
    {
        float[] density = new float[before.Length];
        TensorPrimitives.Multiply(before, before, density);
        TensorPrimitives.Multiply(density, -0.5f, density);
        TensorPrimitives.Exp<float>(density, density);
        const float scale = 0.3989422804f; // 1/√(2π)
        for (int i = 0; i < gradient.Length; i++)
        {
            float x = before[i], cumulative = x == 0 ? 0.5f : after[i] / x;
            gradient[i] *= cumulative + (x * scale * density[i]);
        }
    }

    private static float[] Transpose(float[] matrix, int rows, int columns)
    {
        float[] result = new float[matrix.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
                result[(column * rows) + row] = matrix[(row * columns) + column];
        }

        return result;
    }

    private void Step(int step, double rate)
    {
        double correction1 = 1 - Math.Pow(Beta1, step), correction2 = 1 - Math.Pow(Beta2, step);
        for (int layer = 0; layer < SynthNetwork.Depth + (_trainHead ? 1 : 0); layer++)
        {
            Update(_network.Weights[layer], _weights[layer], rate / correction1, correction2);
            Update(_network.Biases[layer], _biases[layer], rate / correction1, correction2);
        }
    }

    /// <summary><c>θ −= rate·m / (√(v/c₂) + ε)</c>, with rate already divided by c₁.</summary>
    private static void Update(float[] values, (float[] First, float[] Second, float[] Gradient) state, double rate, double correction2)
    {
        (float[] first, float[] second, float[] gradient) = state;
        TensorPrimitives.Multiply(first, (float)Beta1, first);
        TensorPrimitives.MultiplyAdd(gradient, (float)(1 - Beta1), first, first);
        TensorPrimitives.Multiply(second, (float)Beta2, second);
        TensorPrimitives.Multiply(gradient, gradient, gradient);
        TensorPrimitives.MultiplyAdd(gradient, (float)(1 - Beta2), second, second);
        TensorPrimitives.Multiply(second, (float)(1 / correction2), gradient);
        TensorPrimitives.Sqrt<float>(gradient, gradient);
        TensorPrimitives.Add(gradient, (float)Epsilon, gradient);
        TensorPrimitives.Divide(first, gradient, gradient);
        TensorPrimitives.MultiplyAdd(gradient, (float)-rate, values, values);
    }
}
