namespace Merganser.Weights.Recipes;

/// <summary>
/// Old recipe formats, rewritten as today's: bakllama's list of <c>layer_slices</c> (model, start, end, scale) with an optional
/// <c>embedding_source</c> and <c>lm_head_source</c> becomes slices of <c>passthrough</c>.
/// </summary>
internal static class LegacyRecipe
{
    private static readonly string[] Keys = ["layer_slices", "embedding_source", "lm_head_source", "dtype", "out_dtype", "name"];
    private static readonly string[] SliceKeys = ["model", "start", "end", "scale"];

    /// <summary>Gives recipes of today's format back as they are.</summary>
    public static YamlNode Translate(YamlNode root)
    {
        if (root is not YamlMapping old || old.Find("merge_method") is not null || old.Find("layer_slices") is not { } list)
            return root;
        Check(old, Keys);
        List<YamlNode> slices = [];
        if (old.Find("embedding_source") is { } embedding)
            slices.Add(Slice(embedding.Position, embedding, Number(embedding.Position, "0"), Number(embedding.Position, "0"), null));
        foreach (YamlNode item in RecipeReader.Sequence(list, "'layer_slices'").Items)
        {
            YamlMapping slice = RecipeReader.Mapping(item, "a layer slice");
            Check(slice, SliceKeys);
            slices.Add(Slice(slice.Position, Needed(slice, "model"), Needed(slice, "start"), Needed(slice, "end"), slice.Find("scale")));
        }

        if (old.Find("lm_head_source") is { } head)
            slices.Add(Slice(head.Position, head, Number(head.Position, "0"), Number(head.Position, "0"), null));
        List<(YamlScalar Key, YamlNode Value)> top =
        [
            (Word(list.Position, "merge_method"), Word(list.Position, "passthrough")),
            (Word(list.Position, "slices"), new YamlSequence(list.Position, slices)),
            .. old.Entries.Where(entry => entry.Key.Value is "dtype" or "out_dtype" or "name"),
        ];
        return new YamlMapping(old.Position, top);
    }

    private static YamlMapping Slice(RecipePosition at, YamlNode model, YamlNode start, YamlNode end, YamlNode? scale)
    {
        List<(YamlScalar Key, YamlNode Value)> source =
        [
            (Word(at, "model"), model),
            (Word(at, "layer_range"), new YamlSequence(at, [start, end])),
        ];
        if (scale is not null)
            source.Add((Word(at, "parameters"), new YamlMapping(at, [(Word(at, "scale"), scale)])));
        return new YamlMapping(at, [(Word(at, "sources"), new YamlSequence(at, [new YamlMapping(at, source)]))]);
    }

    private static void Check(YamlMapping mapping, string[] known)
    {
        foreach ((YamlScalar key, YamlNode _) in mapping.Entries)
        {
            if (!known.Contains(key.Value))
                throw key.Position.Error($"unknown key {NearestName.Quote(key.Value)} in a recipe of layer_slices{NearestName.Hint(key.Value, known)}");
        }
    }

    private static YamlNode Needed(YamlMapping slice, string key) => slice.Find(key) ?? throw slice.Position.Error($"'{key}' is missing in the layer slice");

    private static YamlScalar Number(RecipePosition at, string value) => new(at, value, plain: true);

    private static YamlScalar Word(RecipePosition at, string value) => new(at, value, plain: true);
}
