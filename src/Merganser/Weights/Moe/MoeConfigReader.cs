using System.Collections.Immutable;
using System.Globalization;
using Merganser.Checkpoints;
using Merganser.Weights.Recipes;

namespace Merganser.Weights.Moe;

/// <summary>Reads recipes for mixtures of experts.</summary>
public sealed class MoeConfigReader
{
    private static readonly string[] TopKeys =
        ["base_model", "experts", "shared_experts", "gate_mode", "dtype", "experts_per_token", "architecture"];

    private static readonly string[] ExpertKeys = ["source_model", "positive_prompts", "negative_prompts", "noise_scale", "residual_scale"];

    private static readonly (string Name, MoeGateMode Mode)[] Modes =
    [
        ("hidden", MoeGateMode.Hidden), ("hidden_avg", MoeGateMode.HiddenAverage), ("hidden_last", MoeGateMode.HiddenLast),
        ("cheap_embed", MoeGateMode.CheapEmbed), ("random", MoeGateMode.Random), ("uniform_random", MoeGateMode.UniformRandom),
    ];

    private readonly string _file;

    private MoeConfigReader(string file) => _file = file;

    /// <summary>Reads a file.</summary>
    /// <exception cref="MerganserException">The file cannot be read or is no recipe for a mixture.</exception>
    public static MoeConfig ReadFile(string path)
    {
        try
        {
            if (new FileInfo(path).Length > YamlTree.MaxCharacters * 4L)
                throw new MerganserException($"{path}: is too long for a recipe");
            return Read(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new MerganserException($"{path}: the recipe cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads text.</summary>
    /// <param name="text">The recipe.</param>
    /// <param name="file">The file, for messages.</param>
    /// <exception cref="MerganserException">The text is no recipe for a mixture; the message gives line and column.</exception>
    public static MoeConfig Read(string text, string file)
    {
        YamlDocument[] documents = [.. YamlTree.Read(text, file).Where(document => document.Root is not null)];
        if (documents.Length != 1)
            throw new MerganserException($"{file}: holds {documents.Length} documents; a mixture is described by one");
        return new MoeConfigReader(file).Document(RecipeReader.Mapping(documents[0].Root!, "a recipe for a mixture of experts"), text);
    }

    private MoeConfig Document(YamlMapping top, string text)
    {
        CheckKeys(top, "recipe for a mixture", TopKeys);
        YamlNode baseModel = Required(top, "base_model");
        ImmutableArray<MoeExpert> experts = Experts(Required(top, "experts"), "experts");
        if (experts.IsEmpty)
            throw top.Position.Error("'experts' is empty; a mixture needs at least one");
        YamlNode? mode = top.Find("gate_mode");
        YamlNode? architecture = top.Find("architecture");
        return new MoeConfig
        {
            File = _file,
            Text = text,
            BaseModel = Model(baseModel),
            BaseModelPosition = baseModel.Position,
            Experts = experts,
            SharedExperts = top.Find("shared_experts") is { } shared ? Experts(shared, "shared_experts") : [],
            GateMode = mode is null ? MoeGateMode.Hidden : Mode(mode),
            GateModePosition = (mode ?? top).Position,
            DType = top.Find("dtype") is { } type ? Type(type) : null,
            ExpertsPerToken = top.Find("experts_per_token") is { } count ? Count(count, experts.Length) : null,
            Architecture = architecture is null ? null : RecipeReader.Word(architecture, "'architecture'"),
            ArchitecturePosition = (architecture ?? top).Position,
        };
    }

    private static YamlNode Required(YamlMapping map, string key) =>
        map.Find(key) ?? throw map.Position.Error($"'{key}' is missing");

    private static void CheckKeys(YamlMapping map, string what, string[] known)
    {
        foreach ((YamlScalar key, YamlNode _) in map.Entries)
        {
            if (!known.Contains(key.Value))
                throw key.Position.Error($"unknown key {NearestName.Quote(key.Value)} in a {what}{NearestName.Hint(key.Value, known)}");
        }
    }

    private static ImmutableArray<MoeExpert> Experts(YamlNode node, string key) =>
        [.. RecipeReader.Sequence(node, $"'{key}'").Items.Select(item => Expert(RecipeReader.Mapping(item, $"an entry of '{key}'")))];

    private static MoeExpert Expert(YamlMapping map)
    {
        CheckKeys(map, "expert", ExpertKeys);
        return new MoeExpert(Model(Required(map, "source_model")), map.Position)
        {
            PositivePrompts = Prompts(map.Find("positive_prompts"), "positive_prompts"),
            NegativePrompts = Prompts(map.Find("negative_prompts"), "negative_prompts"),
            NoiseScale = Number(map.Find("noise_scale"), "noise_scale", 0, minimum: 0),
            ResidualScale = Number(map.Find("residual_scale"), "residual_scale", 1, double.NegativeInfinity),
        };
    }

    private static ModelReference Model(YamlNode node)
    {
        string text = RecipeReader.Word(node, "a model");
        try
        {
            return ModelReference.Parse(text);
        }
        catch (FormatException e)
        {
            throw node.Position.Error(e.Message, e);
        }
    }

    private static ImmutableArray<MoePrompt> Prompts(YamlNode? node, string key) => node is null
        ? []
        : [.. RecipeReader.Sequence(node, $"'{key}'").Items.Select(item => Prompt(item, key))];

    private static MoePrompt Prompt(YamlNode node, string key)
    {
        if (node is not YamlSequence ids)
            return new MoePrompt(RecipeReader.Word(node, $"an entry of '{key}'"), [], node.Position);
        if (ids.Items.Count == 0)
            throw node.Position.Error($"a prompt of '{key}' has no tokens");
        return new MoePrompt(null, [.. ids.Items.Select(Id)], node.Position);
    }

    private static int Id(YamlNode node) =>
        node is YamlScalar scalar && int.TryParse(scalar.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
            ? id
            : throw node.Position.Error($"the id of a token must be a whole number from 0, not {node.Kind}");

    private static double Number(YamlNode? node, string key, double fallback, double minimum)
    {
        if (node is null)
            return fallback;
        return node is YamlScalar scalar && double.TryParse(scalar.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            && double.IsFinite(value) && value >= minimum
            ? value
            : throw node.Position.Error($"'{key}' must be a finite number{(minimum == 0 ? " from 0" : "")}, not {node.Kind}");
    }

    private static int Count(YamlNode node, int experts) =>
        node is YamlScalar scalar && int.TryParse(scalar.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count >= 1 && count <= experts
            ? count
            : throw node.Position.Error($"'experts_per_token' must be a whole number from 1 to the number of experts, {experts}, not {node.Kind}");

    private static MoeGateMode Mode(YamlNode node)
    {
        string word = RecipeReader.Word(node, "'gate_mode'");
        foreach ((string name, MoeGateMode mode) in Modes)
        {
            if (name == word)
                return mode;
        }

        throw node.Position.Error($"'gate_mode' cannot be {NearestName.Quote(word)}{NearestName.Hint(word, Modes.Select(mode => mode.Name))}");
    }

    private static DType Type(YamlNode node)
    {
        string word = RecipeReader.Word(node, "'dtype'");
        return DTypes.TryParseTorch(word, out DType type) && type.IsFloat()
            ? type
            : throw node.Position.Error($"'dtype' cannot be {NearestName.Quote(word)}; use float32, float16 or bfloat16");
    }
}
