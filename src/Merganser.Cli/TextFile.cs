namespace Merganser.Cli;

/// <summary>Writes a small file that a verb was asked for.</summary>
internal static class TextFile
{
    /// <exception cref="MerganserException">The file cannot be written.</exception>
    public static void Write(string path, string text)
    {
        try
        {
            File.WriteAllText(path, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new MerganserException($"{path}: cannot be written: {e.Message}", e);
        }
    }
}
