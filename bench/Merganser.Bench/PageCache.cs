using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Merganser.Bench;

/// <summary>Brings files into the page cache and out of it.</summary>
internal static class PageCache
{
    private const int DontNeed = 4;

    /// <summary>Reads a file to the end.</summary>
    public static void Warm(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        byte[] buffer = new byte[1 << 20];
        for (long offset = 0; ;)
        {
            int read = RandomAccess.Read(file, buffer, offset);
            if (read == 0)
                return;
            offset += read;
        }
    }

    /// <summary>Asks the kernel to forget the pages of a file; dirty ones must have been written.</summary>
    public static void Drop(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
        int error = Advise((int)file.DangerousGetHandle(), 0, 0, DontNeed);
        if (error != 0)
            throw new MerganserException($"{path}: the kernel would not drop its pages (error {error}); run without --cold");
    }

    [DllImport("libc", EntryPoint = "posix_fadvise"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Advise(int file, long offset, long length, int advice);
}
