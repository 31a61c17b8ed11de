using static TorchSharp.torch;

namespace Merganser.Neural.Tokens.Cpu;

/// <summary>Images divided among as many threads as libtorch uses.</summary>
internal static class Images
{
    public static void Run(int count, Action<int> work)
    {
        int threads = Math.Min(get_num_threads(), count);
        if (threads <= 1)
        {
            for (int image = 0; image < count; image++)
                work(image);
            return;
        }

        Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, work);
    }
}
