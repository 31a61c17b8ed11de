using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace Merganser.Neural;

/// <summary>The native library behind the models: whether it can be used here, its threads, and the words for devices and types.</summary>
public static class TorchRuntime
{
    private static readonly Lazy<string?> Problem = new(FindProblem);

    /// <summary>Throws with what is missing, if the native library cannot be loaded.</summary>
    /// <exception cref="MerganserException">libtorch or the C++ runtime it needs is not there.</exception>
    public static void Require()
    {
        if (Problem.Value is { } problem)
            throw new MerganserException(problem);
    }

    /// <summary>Sets the number of threads of one operation; 0 leaves it as it is.</summary>
    public static void SetThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        Require();
        if (threads > 0)
            set_num_threads(threads);
    }

    /// <summary>Reads a device: <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c> or <c>mps</c>.</summary>
    /// <exception cref="MerganserException">The device is unknown or not there.</exception>
    public static Device ParseDevice(string text)
    {
        Require();
        string[] parts = text.Split(':');
        int index = 0;
        if (parts.Length > 2 || (parts.Length == 2 && (parts[0] != "cuda" || !int.TryParse(parts[1], out index) || index < 0)))
            throw new MerganserException($"device '{text}' is unknown; it is cpu, cuda, cuda:N or mps");
        switch (parts[0])
        {
            case "cpu":
                return CPU;
            case "cuda" when cuda.is_available() && index < cuda.device_count():
                return new Device(DeviceType.CUDA, index);
            case "cuda":
                throw new MerganserException($"device '{text}' is not there: {(cuda.is_available() ? $"{cuda.device_count()} CUDA devices were found" : "this build or this machine has no CUDA (build with -p:Torch=cuda)")}");
            case "mps" when mps_is_available():
                return MPS;
            case "mps":
                throw new MerganserException("device 'mps' is not there");
            default:
                throw new MerganserException($"device '{text}' is unknown; it is cpu, cuda, cuda:N or mps");
        }
    }

    /// <summary>Reads an element type of computation: <c>float32</c>, <c>bfloat16</c> or <c>float16</c>, or their short names.</summary>
    public static ScalarType ParseType(string text) => text switch
    {
        "float32" or "fp32" or "f32" => ScalarType.Float32,
        "bfloat16" or "bf16" => ScalarType.BFloat16,
        "float16" or "fp16" or "f16" => ScalarType.Float16,
        _ => throw new MerganserException($"type '{text}' is unknown; it is float32, bfloat16 or float16"),
    };

    /// <summary>
    /// The type in which training is the fastest: bfloat16, with float32 masters, where the device multiplies it by instructions of its own; else float32.
    /// A processor without them takes many times as long in bfloat16.
    /// </summary>
    internal static ScalarType FastTrainingType(Device device) =>
        device.type == DeviceType.CUDA || (device.type == DeviceType.CPU && MultipliesNarrow()) ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <summary>AVX512_BF16: CPUID leaf 7, subleaf 1, EAX bit 5; the runtime knows whether the system lets it be used at all.</summary>
    private static bool MultipliesNarrow() => Avx512F.IsSupported && X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;

    private static string? FindProblem()
    {
        try
        {
            InitializeDeviceType(DeviceType.CPU);
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or NotSupportedException or FileNotFoundException or BadImageFormatException or EntryPointNotFoundException)
        {
            Exception root = e.GetBaseException();
            return OperatingSystem.IsLinux() && !HasRuntime()
                ? "the neural verbs need a C++ runtime of GCC 13 or newer (libstdc++6 with GLIBCXX_3.4.32); on Debian 12 run eng/native-prerequisites.sh as root once, elsewhere install a newer libstdc++6"
                : $"libtorch cannot be loaded: {root.Message.ReplaceLineEndings(" ")}";
        }
    }

    private static bool HasRuntime()
    {
        foreach (string folder in (ReadOnlySpan<string>)["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"])
        {
            string path = Path.Combine(folder, "libstdc++.so.6");
            if (File.Exists(path))
                return File.ReadAllBytes(path).AsSpan().IndexOf("GLIBCXX_3.4.32"u8) >= 0;
        }

        return true; // Not where it was looked for: the loader's own message is better.
    }
}
