using System.Globalization;
using Merganser.Weights.Recipes;

namespace Merganser.Neural.Training;

/// <summary>One mapping of a training recipe: values by key, with defaults. Errors name line and column, and the nearest key.</summary>
internal sealed class RecipeSection
{
    private readonly YamlMapping _mapping;

    public RecipeSection(YamlMapping mapping, params IReadOnlyList<string> keys)
    {
        _mapping = mapping;
        foreach ((YamlScalar key, _) in mapping.Entries)
        {
            if (!keys.Contains(key.Value, StringComparer.Ordinal))
                throw key.Position.Error($"the key {NearestName.Quote(key.Value)} is unknown{NearestName.Hint(key.Value, keys)}");
        }
    }

    public bool Has(string key) => _mapping.Find(key) is not null;

    /// <summary>An error at a key, or at the mapping where the key is missing.</summary>
    public MerganserException Error(string key, string message) => (_mapping.Find(key)?.Position ?? _mapping.Position).Error(message);

    public RecipeSection? Section(string key, params IReadOnlyList<string> keys) => _mapping.Find(key) switch
    {
        null => null,
        YamlMapping inner => new RecipeSection(inner, keys),
        { } other => throw other.Position.Error($"'{key}' is {other.Kind}; expected a mapping of {string.Join(", ", keys)}"),
    };

    public string? Text(string key) => Scalar(key)?.Value;

    /// <summary>A list of words; one word is a list of one.</summary>
    public IReadOnlyList<string> Texts(string key) => _mapping.Find(key) switch
    {
        null => [],
        YamlScalar word => [word.Value],
        YamlSequence list => [.. list.Items.Select(item => item is YamlScalar word ? word.Value : throw item.Position.Error($"'{key}' is a list of words"))],
        { } other => throw other.Position.Error($"'{key}' is {other.Kind}; expected a list of words"),
    };

    public string Choice(string key, string otherwise, params string[] allowed) => Scalar(key) is not { } scalar ? otherwise
        : allowed.Contains(scalar.Value, StringComparer.Ordinal) ? scalar.Value
        : throw scalar.Position.Error($"'{key}' is {scalar.Kind}{NearestName.Hint(scalar.Value, allowed)}");

    public bool Switch(string key, bool otherwise) => Choice(key, otherwise ? "true" : "false", "true", "false") == "true";

    public int Whole(string key, int otherwise, int least) => Scalar(key) is not { } scalar ? otherwise
        : int.TryParse(scalar.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number >= least ? number
        : throw scalar.Position.Error($"'{key}' is {scalar.Kind}; expected a whole number of at least {least}");

    public double Number(string key, double otherwise, double least, double most = double.MaxValue) => Scalar(key) is not { } scalar ? otherwise
        : double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number >= least && number <= most ? number
        : throw scalar.Position.Error(string.Create(CultureInfo.InvariantCulture, $"'{key}' is {scalar.Kind}; expected a number of at least {least}{(most < double.MaxValue ? $" and at most {most}" : "")}"));

    private YamlScalar? Scalar(string key) => _mapping.Find(key) switch
    {
        null => null,
        YamlScalar scalar => scalar,
        { } other => throw other.Position.Error($"'{key}' is {other.Kind}; expected one value"),
    };
}
