using Merganser.Checkpoints;
using Merganser.Weights;

namespace Merganser.Tests.Weights.Recipes;

/// <summary>Runs one job in one piece: enough to see that a plan has the right inputs and options.</summary>
internal static unsafe class PlanRunner
{
    public static float[] Read(TensorSource source)
    {
        byte[] bytes = new byte[source.Info.ByteCount];
        source.Read(0, bytes);
        float[] values = new float[source.Info.ElementCount];
        TensorCast.ToSingle(bytes, source.Info.DType, values);
        return values;
    }

    public static float[] Run(TensorJob job)
    {
        if (job.Method is null)
            return Read(job.Inputs[0]);
        TensorMerger merger = job.Method.Create(job.Context!, null);
        List<float[]> inputs = [job.Base is null ? [] : Read(job.Base), .. job.Inputs.Select(Read)];
        float[] output = new float[job.Output.ElementCount];
        float** pointers = stackalloc float*[inputs.Count];
        var pins = inputs.ConvertAll(input => System.Runtime.InteropServices.GCHandle.Alloc(input, System.Runtime.InteropServices.GCHandleType.Pinned));
        try
        {
            for (int i = 0; i < inputs.Count; i++)
                pointers[i] = inputs[i].Length == 0 ? null : (float*)pins[i].AddrOfPinnedObject();
            fixed (float* result = output)
            {
                Assert.Equal(ScanRequest.None, merger.NextScan());
                merger.Apply(new Tile(0, output.Length, pointers, job.Inputs.Length, result));
            }
        }
        finally
        {
            pins.ForEach(pin => pin.Free());
        }

        return output;
    }
}
