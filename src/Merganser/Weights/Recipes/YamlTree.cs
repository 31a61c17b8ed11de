using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Merganser.Weights.Recipes;

/// <summary>One document of a YAML stream: its root (null when it is empty) and its text.</summary>
internal sealed record YamlDocument(YamlNode? Root, string Text, RecipePosition Position);

/// <summary>
/// Builds bounded trees from YAML events. Anchors and merge keys are allowed, but what they expand to is counted, so a few
/// lines cannot become a billion nodes.
/// </summary>
internal sealed class YamlTree
{
    public const int MaxCharacters = 1 << 20;
    public const int MaxNodes = 100_000;
    public const int MaxDepth = 64;

    private readonly string _file;
    private readonly Parser _parser;
    private readonly Dictionary<string, YamlNode> _anchors = new(StringComparer.Ordinal);
    private int _nodes;

    private YamlTree(string text, string file)
    {
        _file = file;
        _parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
    }

    /// <summary>Reads all documents of a stream.</summary>
    /// <exception cref="MerganserException">It is not YAML, or larger or deeper than a recipe can be.</exception>
    public static IReadOnlyList<YamlDocument> Read(string text, string file)
    {
        if (text.Length > MaxCharacters)
            throw new MerganserException($"{file}: is {text.Length} characters long; a recipe has at most {MaxCharacters}");
        try
        {
            return new YamlTree(text, file).Documents(text);
        }
        catch (YamlException e)
        {
            RecipePosition at = new(file, (int)Math.Clamp(e.Start.Line, 1, int.MaxValue), (int)Math.Clamp(e.Start.Column, 1, int.MaxValue));
            throw at.Error($"not valid YAML: {NearestName.Quote(e.Message)}", e);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or IndexOutOfRangeException or OverflowException or FormatException)
        {
            // The scanner has a few paths that fail with general exceptions on garbage.
            throw new MerganserException($"{file}: not valid YAML: {NearestName.Quote(e.Message)}", e);
        }
    }

    private List<YamlDocument> Documents(string text)
    {
        List<(YamlNode? Root, int Start, RecipePosition At)> roots = [];
        while (_parser.MoveNext())
        {
            if (_parser.Current is not DocumentStart start)
                continue;
            _anchors.Clear();
            RecipePosition at = At(start);
            int begin = (int)Math.Clamp(start.Start.Index, 0, text.Length);
            _parser.MoveNext();
            YamlNode node = Node(0);
            roots.Add((node.IsNull ? null : node, begin, at));
        }

        List<YamlDocument> documents = [];
        for (int i = 0; i < roots.Count; i++)
        {
            int from = i == 0 ? 0 : roots[i].Start;
            int to = i + 1 < roots.Count ? Math.Max(from, roots[i + 1].Start) : text.Length;
            string own = text[from..to];
            if (i > 0 && own.StartsWith("---", StringComparison.Ordinal))
                own = own[3..].TrimStart();
            documents.Add(new YamlDocument(roots[i].Root, own, roots[i].At));
        }

        return documents;
    }

    private YamlNode Node(int depth)
    {
        ParsingEvent current = _parser.Current ?? throw new MerganserException($"{_file}: ends in the middle of a value");
        RecipePosition at = At(current);
        if (depth > MaxDepth)
            throw at.Error($"nested deeper than {MaxDepth} levels");
        switch (current)
        {
            case AnchorAlias alias:
                if (!_anchors.TryGetValue(alias.Value.Value, out YamlNode? target))
                    throw at.Error($"the alias {NearestName.Quote("*" + alias.Value.Value)} has no anchor before it");
                Count(target.Size, at);
                if (depth + target.Height > MaxDepth)
                    throw at.Error($"nested deeper than {MaxDepth} levels");
                return target;
            case Scalar scalar:
                Count(1, at);
                return Keep(scalar.Anchor, new YamlScalar(at, scalar.Value, scalar.Style is ScalarStyle.Plain or ScalarStyle.Any));
            case SequenceStart start:
                Count(1, at);
                return Keep(start.Anchor, Sequence(at, depth));
            case MappingStart start:
                Count(1, at);
                return Keep(start.Anchor, Mapping(at, depth));
            default:
                throw at.Error("expected a value");
        }
    }

    private YamlSequence Sequence(RecipePosition at, int depth)
    {
        List<YamlNode> items = [];
        while (_parser.MoveNext() && _parser.Current is not SequenceEnd)
            items.Add(Node(depth + 1));
        return new YamlSequence(at, items);
    }

    private YamlMapping Mapping(RecipePosition at, int depth)
    {
        List<(YamlScalar Key, YamlNode Value)> entries = [];
        List<YamlNode> merged = [];
        HashSet<string> keys = new(StringComparer.Ordinal);
        while (_parser.MoveNext() && _parser.Current is not MappingEnd)
        {
            RecipePosition keyAt = At(_parser.Current!);
            if (Node(depth + 1) is not YamlScalar key)
                throw keyAt.Error("a key must be a word");
            _parser.MoveNext();
            YamlNode value = Node(depth + 1);
            if (key is { Value: "<<", Plain: true })
                merged.Add(value);
            else if (keys.Add(key.Value))
                entries.Add((key, value));
            else
                throw keyAt.Error($"the key {NearestName.Quote(key.Value)} is given twice");
        }

        foreach (YamlNode source in merged)
            Merge(source, entries, keys);
        return new YamlMapping(at, entries);
    }

    /// <summary>A merge key adds the entries that the mapping does not have itself; of several sources the first wins.</summary>
    private static void Merge(YamlNode source, List<(YamlScalar Key, YamlNode Value)> entries, HashSet<string> keys)
    {
        IReadOnlyList<YamlNode> sources = source is YamlSequence list ? list.Items : [source];
        foreach (YamlNode item in sources)
        {
            if (item is not YamlMapping mapping)
                throw source.Position.Error("'<<' needs a mapping or a list of mappings");
            foreach ((YamlScalar key, YamlNode value) in mapping.Entries)
            {
                if (keys.Add(key.Value))
                    entries.Add((key, value));
            }
        }
    }

    private T Keep<T>(AnchorName anchor, T node)
        where T : YamlNode
    {
        if (!anchor.IsEmpty)
            _anchors[anchor.Value] = node;
        return node;
    }

    private void Count(int nodes, RecipePosition at)
    {
        _nodes += nodes;
        if (_nodes > MaxNodes)
            throw at.Error($"more than {MaxNodes} values, aliases expanded");
    }

    private RecipePosition At(ParsingEvent e) => new(_file, (int)Math.Clamp(e.Start.Line, 1, int.MaxValue), (int)Math.Clamp(e.Start.Column, 1, int.MaxValue));
}
