namespace Merganser.Weights.Recipes;

/// <summary>A node of a YAML document with its place in the file.</summary>
internal abstract class YamlNode(RecipePosition position)
{
    public RecipePosition Position { get; } = position;

    /// <summary>Nodes below and including this one, aliases counted as often as they are used.</summary>
    public abstract int Size { get; }

    /// <summary>Levels below this one.</summary>
    public abstract int Height { get; }

    /// <summary>What it is, for messages.</summary>
    public abstract string Kind { get; }

    /// <summary>True for a value that is left out, <c>~</c> or <c>null</c>.</summary>
    public virtual bool IsNull => false;
}

internal sealed class YamlScalar(RecipePosition position, string value, bool plain) : YamlNode(position)
{
    public string Value { get; } = value;

    /// <summary>True when it is not quoted, so that <c>true</c> is a switch and not a word.</summary>
    public bool Plain { get; } = plain;

    public override int Size => 1;

    public override int Height => 0;

    public override string Kind => IsNull ? "nothing" : NearestName.Quote(Value);

    public override bool IsNull => Plain && Value is "" or "~" or "null" or "Null" or "NULL";
}

internal sealed class YamlSequence(RecipePosition position, IReadOnlyList<YamlNode> items) : YamlNode(position)
{
    public IReadOnlyList<YamlNode> Items { get; } = items;

    public override int Size { get; } = 1 + items.Sum(item => item.Size);

    public override int Height { get; } = items.Count == 0 ? 0 : 1 + items.Max(item => item.Height);

    public override string Kind => "a list";
}

internal sealed class YamlMapping(RecipePosition position, IReadOnlyList<(YamlScalar Key, YamlNode Value)> entries) : YamlNode(position)
{
    public IReadOnlyList<(YamlScalar Key, YamlNode Value)> Entries { get; } = entries;

    public override int Size { get; } = 1 + entries.Sum(entry => 1 + entry.Value.Size);

    public override int Height { get; } = entries.Count == 0 ? 0 : 1 + entries.Max(entry => entry.Value.Height);

    public override string Kind => "a mapping";

    /// <summary>The value of a key; null when it is not there or has no value.</summary>
    public YamlNode? Find(string key)
    {
        foreach ((YamlScalar name, YamlNode value) in Entries)
        {
            if (name.Value == key)
                return value.IsNull ? null : value;
        }

        return null;
    }
}
