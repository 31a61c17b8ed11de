using System.Diagnostics;
using Merganser.Neural.Decoding;
using Merganser.Neural.Decoding.Cpu;
using Merganser.Neural.Models;
using static TorchSharp.torch;

namespace Merganser.Neural.Bench;

/// <summary>Prefill through the model and decoding step by step, greedy, behind a prompt.</summary>
internal static class OwnSpeed
{
    public static IEnumerable<SpeedRow> Measure(ModelShape shape, string work, string format, IEnumerable<int> threads)
    {
        WeightFormat weights = DecoderOptions.ParseFormat(format)!.Value;
        using LlamaModel model = PretrainedModel.Load<LlamaModel>(shape.Folder(work));
        int[] prompt = [.. Enumerable.Range(0, shape.Prompt).Select(i => i * 7919 % shape.Vocabulary)];
        foreach (int count in threads)
        {
            using var decoder = new LlamaDecoder(model, new DecoderOptions { Weights = weights, Threads = count });
            set_num_threads(count);
            double product = MachineLimits.Multiply(count), best = Prefill(decoder, prompt, shape.Repeats);
            product = Math.Max(product, MachineLimits.Multiply(count));
            yield return new SpeedRow(shape.Name, "prefill", format, count, SpeedRow.Own, prompt.Length / best, 0, product, product * 1e9 / (2.0 * shape.BlockWeights));
            Thread.Sleep(300); // libtorch's threads spin for a while.
            yield return Decode(shape, format, decoder, prompt.Length);
        }
    }

    private static double Prefill(LlamaDecoder decoder, int[] prompt, int repeats)
    {
        double best = double.MaxValue;
        for (int run = 0; run <= repeats; run++)
        {
            decoder.Truncate(0);
            long began = Stopwatch.GetTimestamp();
            decoder.Prefill(prompt);
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }

        return best;
    }

    /// <summary>Tokens and passes over memory take turns, since neighbours of a virtual machine change its speed within seconds.</summary>
    private static SpeedRow Decode(ModelShape shape, string format, LlamaDecoder decoder, int prompt)
    {
        using var stream = new ReadStream(decoder.Threads);
        double best = double.MaxValue;
        double[] times = new double[shape.New * (shape.Repeats + 1)];
        decoder.Truncate(prompt);
        long bytes = decoder.WeightBytes + decoder.CacheBytes;
        for (int run = 0; run <= shape.Repeats; run++)
        {
            decoder.Truncate(prompt);
            double sum = 0;
            int next = 1;
            for (int i = 0; i < shape.New; i++)
            {
                if (i % (shape.New / 8) == 0)
                {
                    decoder.Rest();
                    stream.Pass();
                }

                long began = Stopwatch.GetTimestamp();
                next = LlamaDecoder.ArgMax(decoder.Step(next));
                double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
                times[(run * shape.New) + i] = seconds;
                sum += seconds;
            }

            best = Math.Min(best, sum);
        }

        Array.Sort(times);
        return new SpeedRow(shape.Name, "decode", format, decoder.Threads, SpeedRow.Own, shape.New / best, 1 / times[times.Length / 2], stream.Median, stream.Median * 1e9 / bytes);
    }
}
