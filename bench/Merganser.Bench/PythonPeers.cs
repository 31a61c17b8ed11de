using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Merganser.Bench;

/// <summary>What one Python library did: MB of UTF-8 per second of processor time, and the hash of its ids.</summary>
internal readonly record struct PythonRow(string Name, double Ids, double Offsets, string Hash);

/// <summary>Hugging Face tokenizers and tiktoken, where a <c>python3</c> on the PATH has them: peers.py on the same texts and vocabulary.</summary>
internal static class PythonPeers
{
    private const int HashedDocuments = 200;

    private static readonly string Script = Path.Combine(AppContext.BaseDirectory, "peers.py");

    /// <summary>Which of the libraries can be imported.</summary>
    public static string[] Find() => [.. ((string[])["tokenizers", "tiktoken"]).Where(CanImport)];

    /// <summary>The rows of one vocabulary on one corpus.</summary>
    /// <param name="corpus">The text.</param>
    /// <param name="json">The tokenizer.json.</param>
    /// <param name="ranks">The same as .tiktoken, or null.</param>
    /// <param name="pattern">Its split pattern.</param>
    /// <exception cref="MerganserException">The script failed; with what it wrote.</exception>
    public static List<PythonRow> Run(TokenizerCorpus corpus, string json, string? ranks, string? pattern)
    {
        string texts = Path.Combine(Path.GetTempPath(), $"merganser-bench-{Guid.NewGuid():N}.json");
        try
        {
            WriteTexts(corpus, texts);
            using Process process = Start(ranks is null ? [Script, texts, Path.GetFullPath(json)] : [Script, texts, Path.GetFullPath(json), Path.GetFullPath(ranks), pattern!]);
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
                throw new MerganserException($"peers.py: exit code {process.ExitCode}: {errors.Result.Trim()}");
            return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)];
        }
        finally
        {
            File.Delete(texts);
        }
    }

    /// <summary>The hash that the script makes, of our own or another library's ids.</summary>
    public static string Hash(TokenizerSubject subject, TokenizerCorpus corpus)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (int document = 0; document < Math.Min(HashedDocuments, corpus.Documents.Length); document++)
        {
            foreach (int id in subject.Encode(corpus, document))
                hash.AppendData(BitConverter.GetBytes(id));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static PythonRow Parse(string line)
    {
        JsonNode row = JsonNode.Parse(line)!;
        return new PythonRow((string)row["name"]!, (double)row["ids"]!, (double?)row["offsets"] ?? 0, (string)row["hash"]!);
    }

    private static bool CanImport(string module)
    {
        try
        {
            using Process process = Start(["-c", $"import {module}"]);
            Task<string> errors = process.StandardError.ReadToEndAsync();
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // there is no python3
        }
    }

    private static Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo("python3", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["RAYON_NUM_THREADS"] = "1";
        start.Environment["TOKENIZERS_PARALLELISM"] = "false";
        return Process.Start(start)!;
    }

    private static void WriteTexts(TokenizerCorpus corpus, string path)
    {
        using FileStream file = File.Create(path);
        using var writer = new Utf8JsonWriter(file);
        writer.WriteStartArray();
        foreach (string document in corpus.Documents)
            writer.WriteStringValue(document);
        writer.WriteEndArray();
    }
}
