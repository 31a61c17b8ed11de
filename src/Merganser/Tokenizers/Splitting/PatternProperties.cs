using System.Globalization;

namespace Merganser.Tokenizers;

/// <summary>The sets that <c>\p{..}</c>, <c>[:..:]</c> and the class escapes name.</summary>
internal static class PatternProperties
{
    // In the order of UnicodeCategory.
    private static readonly string[] Names =
    [
        "lu", "ll", "lt", "lm", "lo", "mn", "mc", "me", "nd", "nl", "no", "zs", "zl", "zp", "cc", "cf", "cs", "co",
        "pc", "pd", "ps", "pe", "pi", "pf", "po", "sm", "sc", "sk", "so", "cn",
    ];

    private static readonly string[] LongNames =
    [
        "uppercaseletter", "lowercaseletter", "titlecaseletter", "modifierletter", "otherletter", "nonspacingmark",
        "spacingmark", "enclosingmark", "decimalnumber", "letternumber", "othernumber", "spaceseparator", "lineseparator",
        "paragraphseparator", "control", "format", "surrogate", "privateuse", "connectorpunctuation", "dashpunctuation",
        "openpunctuation", "closepunctuation", "initialpunctuation", "finalpunctuation", "otherpunctuation", "mathsymbol",
        "currencysymbol", "modifiersymbol", "othersymbol", "unassigned",
    ];

    private static readonly (string Short, string Long)[] Groups =
    [
        ("l", "letter"), ("m", "mark"), ("n", "number"), ("z", "separator"), ("c", "other"), ("p", "punctuation"), ("s", "symbol"),
    ];

    private static readonly Lazy<CodePointSet[]> Categories = new(ReadCategories);

    public static CodePointSet WhiteSpace { get; } = CodePointSet.Where(UnicodeTable.IsWhiteSpace);

    public static CodePointSet Digit => Categories.Value[(int)UnicodeCategory.DecimalDigitNumber];

    public static CodePointSet Word { get; } = CodePointSet.Where(UnicodeTable.IsPatternWord);

    public static CodePointSet HexDigit { get; } =
        CodePointSet.Union([CodePointSet.Range('0', '9'), CodePointSet.Range('A', 'F'), CodePointSet.Range('a', 'f')]);

    /// <summary>The set of a property; null when the name is not known.</summary>
    public static CodePointSet? Find(string name)
    {
        string key = name.Replace("_", "", StringComparison.Ordinal).Replace(" ", "", StringComparison.Ordinal)
            .Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();
        int equals = key.IndexOf('=', StringComparison.Ordinal);
        if (equals >= 0)
        {
            string value = key[(equals + 1)..];
            return key[..equals] switch
            {
                "script" or "sc" => FindScript(value),
                "generalcategory" or "gc" => FindCategory(value),
                _ => null,
            };
        }

        return FindCategory(key) ?? FindNamed(key) ?? FindScript(key);
    }

    /// <summary>The set of a bracket such as <c>[:alpha:]</c>; null when it is not supported.</summary>
    public static CodePointSet? FindPosix(string name) => name switch
    {
        "alpha" => Find("alphabetic"),
        "digit" => Digit,
        "alnum" => CodePointSet.Union([Find("alphabetic")!, Digit]),
        "space" => WhiteSpace,
        "blank" => CodePointSet.Union([Find("zs")!, CodePointSet.Range('\t', '\t')]),
        "cntrl" => Find("cc"),
        "word" => Word,
        "xdigit" => HexDigit,
        "ascii" => CodePointSet.Range(0, 0x7F),
        _ => null,
    };

    private static CodePointSet? FindCategory(string key)
    {
        int index = Array.IndexOf(Names, key);
        if (index < 0)
            index = Array.IndexOf(LongNames, key);
        if (index >= 0)
            return Categories.Value[index];
        if (key is "lc" or "l&" or "casedletter")
            return CodePointSet.Union(Categories.Value[..3]);
        foreach ((string shortName, string longName) in Groups)
        {
            if (key != shortName && key != longName)
                continue;
            var parts = new List<CodePointSet>();
            for (int i = 0; i < Names.Length; i++)
            {
                if (Names[i][0] == shortName[0])
                    parts.Add(Categories.Value[i]);
            }

            return CodePointSet.Union(parts);
        }

        return null;
    }

    private static CodePointSet? FindNamed(string key) => key switch
    {
        "any" => CodePointSet.All,
        "ascii" => CodePointSet.Range(0, 0x7F),
        "assigned" => Categories.Value[(int)UnicodeCategory.OtherNotAssigned].Negate(),
        "alphabetic" or "alpha" => CodePointSet.Where(UnicodeTable.IsAlphabetic),
        "whitespace" or "space" or "wspace" => WhiteSpace,
        "digit" => Digit,
        "word" => Word,
        "extendedpictographic" => CodePointSet.Where(c => (UnicodeTable.GraphemeBreak(c) & 0x10) != 0),
        _ => null,
    };

    private static CodePointSet? FindScript(string key)
    {
        if (key.StartsWith("is", StringComparison.Ordinal))
            key = key[2..];
        string[] names = UnicodeTable.ScriptNames;
        for (int number = 0; number < names.Length; number++)
        {
            if (names[number].Replace("_", "", StringComparison.Ordinal).Equals(key, StringComparison.OrdinalIgnoreCase))
            {
                int script = number;
                return CodePointSet.Where(c => UnicodeTable.Script(c) == script);
            }
        }

        return null;
    }

    private static CodePointSet[] ReadCategories()
    {
        var boundaries = new List<int>[Names.Length];
        for (int i = 0; i < boundaries.Length; i++)
            boundaries[i] = [];
        int last = -1;
        for (int c = 0; c < UnicodeData.Limit; c = UnicodeData.Next(c))
        {
            int category = (int)UnicodeTable.Category(c);
            if (category == last)
                continue;
            if (last >= 0)
                boundaries[last].Add(c);
            boundaries[category].Add(c);
            last = category;
        }

        boundaries[last].Add(UnicodeData.Limit);
        return Array.ConvertAll(boundaries, CodePointSet.FromBoundaries);
    }
}
