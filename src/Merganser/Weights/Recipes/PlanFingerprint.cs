using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>Hashes that tie an output to what made it.</summary>
internal static class PlanFingerprint
{
    private const int TailBytes = 64 * 1024;
    private const int MaxHeaderBytes = 100_000_000;

    /// <summary>SHA-256, in hexadecimal, over the recipe, the options that change the result, and every input file's header, size and time of change.</summary>
    public static string Of(MergeRecipe recipe, PlanOptions options, ModelSet models)
    {
        StringBuilder text = new();
        text.Append("merganser plan 1\n").Append(RecipeHash(recipe)).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"{recipe.Method.Name} {options.StrictMergekit} {options.OnMissing} {options.EmbedMismatch} {options.PostPosition:R} {options.Seed}\n");
        foreach (OpenModel model in models.All)
        {
            foreach (CheckpointFile file in model.Folder.Weights.Files)
            {
                long changed = File.GetLastWriteTimeUtc(file.Path).Ticks;
                text.Append(CultureInfo.InvariantCulture, $"{model.Label} {Path.GetFileName(file.Path)} {file.Length} {changed} {HeaderHash(file)}\n");
            }

            string tokenizer = Path.Combine(model.Folder.Path, "tokenizer.json");
            if (recipe.Tokenizer is not null && File.Exists(tokenizer))
                text.Append(CultureInfo.InvariantCulture, $"{model.Label} tokenizer.json {new FileInfo(tokenizer).Length} {File.GetLastWriteTimeUtc(tokenizer).Ticks}\n");
            if (model.AdapterFolder is { } adapter && Directory.Exists(adapter))
            {
                foreach (FileInfo file in new DirectoryInfo(adapter).EnumerateFiles("adapter_*").OrderBy(file => file.Name, StringComparer.Ordinal))
                    text.Append(CultureInfo.InvariantCulture, $"{model.Label} {file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}\n");
            }
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>SHA-256 of the recipe's text; line ends and blanks at line ends do not count.</summary>
    public static string RecipeHash(MergeRecipe recipe)
    {
        IEnumerable<string> lines = recipe.Text.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd());
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lines).Trim('\n'))));
    }

    /// <summary>SHA-256 of a safetensors header, or of the end of any other file, where a zip archive keeps its list of contents.</summary>
    public static string HeaderHash(CheckpointFile file)
    {
        (long start, int count) = (Math.Max(0, file.Length - TailBytes), (int)Math.Min(TailBytes, file.Length));
        if (file.Path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase) && file.Length >= 8)
        {
            Span<byte> prefix = stackalloc byte[8];
            file.Read(0, prefix);
            ulong header = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
            if (header <= MaxHeaderBytes && (long)header + 8 <= file.Length)
                (start, count) = (0, (int)header + 8);
        }

        byte[] bytes = new byte[count];
        file.Read(start, bytes);
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
