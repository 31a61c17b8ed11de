using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using Merganser.Tokenizers;
using Microsoft.ML.Tokenizers;
using SharpToken;
using Tokenizer = Merganser.Tokenizers.Tokenizer;

namespace Merganser.Tests.Tokenizers;

/// <summary>
/// The same ids as the other tokenizers of .NET on text of many languages, code and random bytes. Both peers split with
/// .NET's Regex, which sees astral characters as two surrogates; texts with letters, marks or numbers beyond the basic plane
/// are therefore left out (the golden cases cover those).
/// </summary>
public sealed class PeerDifferentialTests
{
    private const int DocumentLength = 4096;

    public static TheoryData<string, string> Encodings => new()
    {
        { "cl100k.tiktoken", "cl100k_base" },
        { "o200k.tiktoken", "o200k_base" },
        { "gpt2.tiktoken", "r50k_base" },
    };

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Ids_are_those_of_Microsoft_ML_Tokenizers(string file, string name)
    {
        Tokenizer ours = GoldenVocabularies.Get(file);
        Microsoft.ML.Tokenizers.Tokenizer peer = name == "r50k_base"
            ? TiktokenTokenizer.Create(
                Path.Combine(GoldenVocabularies.Folder, file),
                new RegexPreTokenizer(new Regex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), null),
                normalizer: null)
            : TiktokenTokenizer.CreateForEncoding(name);
        Compare(ours, text => [.. peer.EncodeToIds(text)]);
    }

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Ids_are_those_of_SharpToken(string file, string name)
    {
        Tokenizer ours = GoldenVocabularies.Get(file);
        GptEncoding peer = GptEncoding.GetEncoding(name);
        Compare(ours, text => [.. peer.Encode(text)]);
    }

    private static void Compare(Tokenizer ours, Func<string, int[]> peer)
    {
        List<string> differences = [];
        int documents = 0;
        foreach (string text in Documents())
        {
            int[] expected = peer(text);
            int[] found = ours.EncodeToIds(text, specialTokens: SpecialTokenPolicy.AsText);
            documents++;
            if (expected.AsSpan().SequenceEqual(found))
                continue;
            int at = expected.AsSpan().CommonPrefixLength(found);
            string around = ours.Decode(found.AsSpan(Math.Max(0, at - 3), Math.Min(10, found.Length - Math.Max(0, at - 3))), skipSpecialTokens: false);
            differences.Add($"document {documents}: token {at}, near '{around}': expected {string.Join(',', expected.Skip(at).Take(5))} found {string.Join(',', found.Skip(at).Take(5))}");
        }

        Assert.True(documents > 50, $"only {documents} documents");
        Assert.True(differences.Count == 0, $"{differences.Count} of {documents} documents differ\n" + string.Join('\n', differences.Take(5)));
    }

    private static IEnumerable<string> Documents()
    {
        foreach (string text in Sources())
        {
            for (int start = 0; start < text.Length;)
            {
                int end = Math.Min(text.Length, start + DocumentLength);
                if (end < text.Length && char.IsLowSurrogate(text[end]))
                    end++;
                string document = text[start..end];
                start = end;
                if (!HasAstralWord(document) && !document.Contains("<|", StringComparison.Ordinal))
                    yield return document;
            }
        }
    }

    private static IEnumerable<string> Sources()
    {
        yield return File.ReadAllText(Path.Combine(Golden.Repository, "tests", "data", "udhr-sample.txt"));
        foreach (string path in Directory.EnumerateFiles(Path.Combine(Golden.Repository, "src", "Merganser", "Tokenizers"), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            yield return File.ReadAllText(path);
        var random = new Random(20);
        byte[] bytes = new byte[100_000];
        random.NextBytes(bytes);
        yield return System.Text.Encoding.UTF8.GetString(bytes);
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = (byte)(random.Next(3) == 0 ? random.Next(9, 14) : random.Next(32, 127));
        yield return System.Text.Encoding.ASCII.GetString(bytes);
        if (Environment.GetEnvironmentVariable("MERGANSER_TEXTS") is not { Length: > 0 } folder)
            yield break;
        foreach (string path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            using Stream stream = path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(File.OpenRead(path), CompressionMode.Decompress) : File.OpenRead(path);
            using var reader = new StreamReader(stream, System.Text.Encoding.UTF8);
            yield return reader.ReadToEnd();
        }
    }

    private static bool HasAstralWord(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
            return false;
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (!rune.IsBmp && Rune.GetUnicodeCategory(rune) is not (System.Globalization.UnicodeCategory.OtherSymbol or System.Globalization.UnicodeCategory.MathSymbol or System.Globalization.UnicodeCategory.ModifierSymbol))
                return true;
        }

        return false;
    }
}
