using System.IO.Compression;
using System.Text;

namespace Merganser.Bench;

/// <summary>
/// Text to encode, cut into documents of about 4 kB at line ends: English (documentation, licences, changelogs; paragraphs
/// once) and mixed (code in several languages and text in many). Made of what is on the machine.
/// </summary>
internal sealed class TokenizerCorpus
{
    private const int EnglishBytes = 10_400_000;
    private const int CodeBytes = 5_000_000;
    private const int ForeignBytes = 3_400_000;
    private const int DocumentBytes = 4000;
    private const int MostOfOneFile = 150_000;

    private static readonly string[] CodeExtensions = [".py", ".pm", ".pl", ".js", ".ts", ".h", ".c", ".cs", ".sh", ".css", ".rb", ".go"];
    private static readonly EnumerationOptions Everywhere = new() { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = FileAttributes.ReparsePoint };

    private TokenizerCorpus(string name, string text, string source)
    {
        Name = name;
        Source = source;
        Documents = Cut(text);
        Utf8 = [.. Documents.Select(Encoding.UTF8.GetBytes)];
        Bytes = Utf8.Sum(document => (long)document.Length);
    }

    public string Name { get; }

    public string Source { get; }

    public string[] Documents { get; }

    public byte[][] Utf8 { get; }

    public long Bytes { get; }

    /// <summary>The English corpus.</summary>
    /// <param name="folders">Folders with text; none: documentation that Linux systems carry.</param>
    public static TokenizerCorpus English(IReadOnlyList<string> folders)
    {
        string[] roots = folders.Count > 0 ? [.. folders] : ["/usr/share/doc", "/usr/share/common-licenses", "/usr/share/perl", NuGetFolder()];
        var text = new StringBuilder();
        var seen = new HashSet<string>();
        int bytes = 0;
        foreach (string path in Files(roots).Where(IsProse))
        {
            foreach (string paragraph in Read(path).Split("\n\n"))
            {
                if (bytes < EnglishBytes && paragraph.Length > 40 && NonAscii(paragraph) * 50 < paragraph.Length && seen.Add(paragraph.Trim()))
                {
                    text.Append(paragraph).Append("\n\n");
                    bytes += Encoding.UTF8.GetByteCount(paragraph) + 2;
                }
            }

            if (bytes >= EnglishBytes)
                break;
        }

        return new TokenizerCorpus("en", text.ToString(), $"prose from {string.Join(", ", roots.Select(Path.GetFileName))}");
    }

    /// <summary>Code and text in many languages.</summary>
    /// <param name="folders">Folders with text; none: programs, manual pages and what else Linux systems carry.</param>
    public static TokenizerCorpus Mixed(IReadOnlyList<string> folders)
    {
        string[] roots = folders.Count > 0 ? [.. folders] : ["/usr/lib/python3", "/usr/share/perl", "/usr/lib/node_modules", "/usr/include", "/usr/share/dotnet", "/usr/share/nodejs", "/usr/share/doc"];
        string[] foreign = folders.Count > 0 ? [.. folders] : ["/usr/share/man"];
        var text = new StringBuilder();
        int used = 0;
        foreach (IGrouping<string, string> language in Files(roots).Where(path => CodeExtensions.Contains(Path.GetExtension(path))).GroupBy(Path.GetExtension)!)
            used += Take(language, CodeBytes / 6, text, _ => true);
        int other = 0;
        foreach (IGrouping<string?, string> place in Files(foreign).GroupBy(path => folders.Count > 0 ? Path.GetFileName(path) : ManualLanguage(path)))
            other += Take(place, ForeignBytes / 20, text, content => NonAscii(content) * 20 > content.Length);
        return new TokenizerCorpus("mix", text.ToString(), $"{used / 1e6:0.0} MB of code from {string.Join(", ", roots.Select(Path.GetFileName))}, {other / 1e6:0.0} MB of text in many languages from {string.Join(", ", foreign.Select(Path.GetFileName))}");
    }

    private static int Take(IEnumerable<string> paths, int most, StringBuilder text, Func<string, bool> accepts)
    {
        int used = 0;
        foreach (string path in paths)
        {
            if (used >= most)
                break;
            string content = Read(path);
            if (content.Length < 200 || !accepts(content))
                continue;
            text.Append(content).Append('\n');
            used += Encoding.UTF8.GetByteCount(content) + 1;
        }

        return used;
    }

    private static string NuGetFolder() => Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static IEnumerable<string> Files(IEnumerable<string> roots) =>
        roots.Where(Directory.Exists).SelectMany(root => Directory.EnumerateFiles(root, "*", Everywhere).Order(StringComparer.Ordinal));

    private static bool IsProse(string path)
    {
        string name = Path.GetFileName(path);
        name = name.EndsWith(".gz", StringComparison.Ordinal) ? name[..^3] : name;
        return Path.GetExtension(name) is ".txt" or ".md" or ".rst" or ".pod" || name is "copyright" or "README" or "NEWS" or "LICENSE" or "changelog";
    }

    private static string? ManualLanguage(string path)
    {
        string[] parts = path.Split('/');
        return parts.Length > 4 && !parts[4].StartsWith("man", StringComparison.Ordinal) ? parts[4] : "";
    }

    private static string Read(string path)
    {
        try
        {
            using Stream file = File.OpenRead(path);
            using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file;
            var bytes = new byte[MostOfOneFile];
            int length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (bytes.AsSpan(0, length).Contains((byte)0))
                return "";
            string content = Encoding.UTF8.GetString(bytes, 0, length).Replace("\r\n", "\n");
            return content.Count(c => c == '\uFFFD') > 1 ? "" : content;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return "";
        }
    }

    private static int NonAscii(string text) => text.Count(c => c >= 0x80);

    private static string[] Cut(string text)
    {
        var documents = new List<string>();
        for (int start = 0; start < text.Length;)
        {
            int end = start + DocumentBytes >= text.Length ? text.Length : text.IndexOf('\n', start + DocumentBytes) + 1;
            if (end <= start)
                end = text.Length;
            documents.Add(text[start..end]);
            start = end;
        }

        return [.. documents];
    }
}
