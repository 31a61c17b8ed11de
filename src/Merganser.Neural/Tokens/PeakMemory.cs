using System.Globalization;

namespace Merganser.Neural.Tokens;

/// <summary>The highest resident memory of the process, where Linux tells it.</summary>
internal static class PeakMemory
{
    private const string Reference = "/proc/self/clear_refs", Status = "/proc/self/status", Field = "VmHWM:";

    /// <summary>Begins anew; false where that is not possible.</summary>
    public static bool Reset()
    {
        if (!OperatingSystem.IsLinux())
            return false;
        try
        {
            File.WriteAllText(Reference, "5");
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>MiB since then.</summary>
    public static double? Read()
    {
        foreach (string line in File.ReadLines(Status))
        {
            if (line.StartsWith(Field, StringComparison.Ordinal))
                return double.Parse(line[Field.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture) / 1024;
        }

        return null;
    }
}
