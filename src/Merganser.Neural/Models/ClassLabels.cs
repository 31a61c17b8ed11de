using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Merganser.Neural.Models;

/// <summary>The names of classes in config.json.</summary>
internal static class ClassLabels
{
    private const int Most = 1 << 20;

    /// <summary><c>id2label</c> in the order of ids; else <c>num_labels</c> names made up; else two, as the reference library has it.</summary>
    /// <exception cref="MerganserException">The ids are not 0 … n−1, or a name is not a text.</exception>
    public static IReadOnlyList<string> Read(ModelConfig config)
    {
        if (config.Document["id2label"] is not JsonObject map)
        {
            int count = config.Size("num_labels", 2);
            if (count > Most)
                throw config.Wrong("num_labels", $"at most {Most}");
            return [.. Enumerable.Range(0, count).Select(id => string.Create(CultureInfo.InvariantCulture, $"LABEL_{id}"))];
        }

        string?[] labels = new string?[map.Count];
        foreach ((string key, JsonNode? value) in map)
        {
            if (!int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out int id) || id >= labels.Length || labels[id] is not null
                || value is null || value.GetValueKind() != JsonValueKind.String)
            {
                throw config.Wrong("id2label", "names under the numbers 0, 1, 2, …");
            }

            labels[id] = value.GetValue<string>();
        }

        return labels.Length > 0 ? [.. labels.Select(label => label!)] : throw config.Wrong("id2label", "at least one name");
    }
}
