using Merganser.Checkpoints;

namespace Merganser.Weights.Recipes;

/// <summary>
/// Reads mergekit's recipes. Everything that can be wrong without looking at the models is found here, with line and column
/// and the nearest valid name.
/// </summary>
public sealed class RecipeReader
{
    private static readonly string[] TopKeys =
    [
        "merge_method", "models", "slices", "modules", "base_model", "dtype", "out_dtype", "tokenizer_source", "tokenizer",
        "chat_template", "parameters", "name",
    ];

    private static readonly string[] TypeNames = ["float32", "float16", "bfloat16", "float64", "int64"];

    private readonly string _file;
    private readonly RecipeOptions _options;
    private readonly List<string> _warnings = [];

    private RecipeReader(string file, RecipeOptions options)
    {
        _file = file;
        _options = options;
    }

    /// <summary>Reads a file of one or several documents.</summary>
    /// <exception cref="MerganserException">The file cannot be read or is no recipe.</exception>
    public static RecipeSet ReadFile(string path, RecipeOptions? options = null)
    {
        try
        {
            FileInfo file = new(path);
            if (file.Length > YamlTree.MaxCharacters * 4L)
                throw new MerganserException($"{path}: is {file.Length} bytes long; a recipe has at most {YamlTree.MaxCharacters}");
            return ReadAll(File.ReadAllText(path), path, options);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new MerganserException($"{path}: the recipe cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads text of one document.</summary>
    /// <exception cref="MerganserException">It is no recipe, or several.</exception>
    public static MergeRecipe Read(string text, string file, RecipeOptions? options = null)
    {
        RecipeSet set = ReadAll(text, file, options);
        return set.Documents.Count == 1
            ? set.Documents[0]
            : throw set.Documents[1].Position.Error("a second document begins here; only one is allowed");
    }

    /// <summary>Reads text of one or several documents.</summary>
    /// <exception cref="MerganserException">It is no recipe.</exception>
    public static RecipeSet ReadAll(string text, string file, RecipeOptions? options = null)
    {
        List<MergeRecipe> recipes = [];
        foreach (YamlDocument document in YamlTree.Read(text, file))
        {
            if (document.Root is null)
                continue;
            YamlNode root = LegacyRecipe.Translate(document.Root);
            recipes.Add(new RecipeReader(file, options ?? new RecipeOptions()).Document(root, document));
        }

        return recipes.Count == 0 ? throw new MerganserException($"{file}: the recipe is empty; it needs at least merge_method and models") : new RecipeSet(file, recipes);
    }

    private MergeRecipe Document(YamlNode root, YamlDocument document)
    {
        YamlMapping top = Mapping(root, "a recipe");
        YamlNode method = top.Find("merge_method")
            ?? throw top.Position.Error($"'merge_method' is missing{Typo(top, "merge_method")}");
        RecipeNodes nodes = new(_options, FindMethod(method), Unknown, _warnings);
        nodes.CheckKeys(top, "recipe", TopKeys);
        YamlNode? models = top.Find("models"), slices = top.Find("slices"), modules = top.Find("modules");
        int forms = (models is null ? 0 : 1) + (slices is null ? 0 : 1) + (modules is null ? 0 : 1);
        if (forms != 1)
            throw top.Position.Error(forms == 0 ? "one of 'models', 'slices' or 'modules' is needed" : "only one of 'models', 'slices' and 'modules' may be given");
        YamlNode? source = top.Find("tokenizer_source"), tokenizer = top.Find("tokenizer");
        if (source is not null && tokenizer is not null)
            throw source.Position.Error("only one of 'tokenizer_source' and 'tokenizer' may be given");
        YamlNode? baseModel = top.Find("base_model");
        YamlNode? template = top.Find("chat_template");
        return new MergeRecipe
        {
            File = _file,
            Text = document.Text,
            Position = document.Position,
            Name = top.Find("name") is { } name ? Word(name, "'name'") : null,
            Method = nodes.Method,
            Models = models is null ? [] : nodes.Sources(models, "models", withLayers: false),
            Slices = slices is null ? [] : nodes.Slices(slices),
            Modules = modules is null ? [] : nodes.Modules(modules),
            BaseModel = baseModel is null ? null : nodes.Model(baseModel),
            BaseModelPosition = baseModel?.Position ?? top.Position,
            DType = Type(top.Find("dtype"), "dtype"),
            OutDType = Type(top.Find("out_dtype"), "out_dtype"),
            TokenizerKey = source is not null ? "tokenizer_source" : tokenizer is not null ? "tokenizer" : null,
            TokenizerPosition = source?.Position ?? tokenizer?.Position ?? top.Position,
            Tokenizer = source is null && tokenizer is null ? null : TokenizerRule.Read(nodes, source, tokenizer),
            ChatTemplate = template is null ? null : Word(template, "'chat_template'"),
            ChatTemplatePosition = template?.Position ?? top.Position,
            Parameters = nodes.Parameters(top.Find("parameters")),
            Warnings = [.. _warnings],
        };
    }

    private MergeMethod FindMethod(YamlNode node)
    {
        string name = Word(node, "'merge_method'");
        foreach (MergeMethod method in _options.Methods)
        {
            if (method.Name == name)
                return method;
        }

        throw node.Position.Error($"unknown merge_method {NearestName.Quote(name)}{NearestName.Hint(name, _options.Methods.Select(method => method.Name))}");
    }

    private static DType? Type(YamlNode? node, string key)
    {
        if (node is null)
            return null;
        string name = Word(node, $"'{key}'");
        if (!DTypes.TryParseTorch(name, out DType type) || (!type.IsFloat() && type != Checkpoints.DType.I64))
            throw node.Position.Error($"unknown {key} {NearestName.Quote(name)}{NearestName.Hint(name, TypeNames)}");
        return type.IsFloat()
            ? type
            : throw node.Position.Error($"{key} {NearestName.Quote(name)} would cut all weights to whole numbers; use float32, bfloat16 or float16");
    }

    private static string Typo(YamlMapping top, string key) =>
        NearestName.Find(key, top.Entries.Select(entry => entry.Key.Value)) is { } near ? $"; is {NearestName.Quote(near)} a typo?" : "";

    private void Unknown(RecipePosition at, string message)
    {
        if (!_options.AllowUnknownKeys)
            throw at.Error(message);
        _warnings.Add($"{at}: {message} (ignored)");
    }

    internal static YamlMapping Mapping(YamlNode node, string what) =>
        node as YamlMapping ?? throw node.Position.Error($"{what} must be a mapping, not {node.Kind}");

    internal static YamlSequence Sequence(YamlNode node, string what) =>
        node as YamlSequence ?? throw node.Position.Error($"{what} must be a list, not {node.Kind}");

    internal static string Word(YamlNode node, string what) =>
        node is YamlScalar { IsNull: false } scalar ? scalar.Value : throw node.Position.Error($"{what} must be a word, not {node.Kind}");
}
