using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Merganser.Weights.Execution;

/// <summary>Writes what lies beside the weights: configuration, tokenizer, card, recipe.</summary>
internal static class OutputFiles
{
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the plan's files into a folder and removes the journal of the run.</summary>
    public static void Write(MergePlan plan, string folder)
    {
        try
        {
            foreach ((string source, string name) in plan.CopiedFiles)
                File.Copy(source, Path.Combine(folder, Safe(name)), overwrite: true);
            foreach ((string name, string text) in plan.WrittenFiles)
                File.WriteAllText(Path.Combine(folder, Safe(name)), text, new UTF8Encoding(false));
            if (plan.Config is not null && !plan.WrittenFiles.ContainsKey("config.json"))
                File.WriteAllText(Path.Combine(folder, "config.json"), plan.Config.ToJsonString(Json) + "\n", new UTF8Encoding(false));
            File.Delete(Path.Combine(folder, RunJournal.FileName));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MerganserException($"{folder}: a file beside the weights cannot be written: {e.Message}", e);
        }
    }

    private static string Safe(string name) => name == Path.GetFileName(name) && name.Length > 0
        ? name
        : throw new MerganserException($"'{name}' is not a plain file name; nothing may be written outside the output folder");
}
