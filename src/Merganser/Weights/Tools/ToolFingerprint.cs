using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Merganser.Checkpoints;
using Merganser.Weights.Recipes;

namespace Merganser.Weights.Tools;

/// <summary>Ties the output of a tool to its inputs: names, sizes, times and headers of all their files.</summary>
internal static class ToolFingerprint
{
    public static string Of(params ReadOnlySpan<ModelFolder> models)
    {
        var text = new StringBuilder();
        foreach (ModelFolder model in models)
        {
            foreach (CheckpointFile file in model.Weights.Files)
            {
                long changed = File.GetLastWriteTimeUtc(file.Path).Ticks;
                text.Append(CultureInfo.InvariantCulture, $"{file.Path} {file.Length} {changed} {PlanFingerprint.HeaderHash(file)}\n");
            }
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
