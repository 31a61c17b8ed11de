using System.Text.Json.Nodes;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Truncation and padding of pairs in every combination, against the reference.</summary>
public sealed class TruncationGoldenTests
{
    public static TheoryData<string> Cases => GoldenVocabularies.Files("core-", "base_tokenizer");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_combination_is_that_of_the_reference(string file)
    {
        JsonObject golden = GoldenVocabularies.Read(file);
        // "\"tokenizer\" member of NAME": the member of another case.
        string member = ((string)golden["base_tokenizer"]!).Split(' ')[^1];
        Tokenizer tokenizer = WithTemplate(TrainedGoldenTests.LoadMember(member), (string)golden["post_processor"]!);
        (string, string)[] pairs = [.. golden["pairs"]!.AsArray().Select(pair => ((string)pair![0]!, (string)pair[1]!))];
        List<string> differences = [];
        int checkedRows = 0;
        foreach (JsonNode? row in golden["rows"]!.AsArray())
        {
            string name = $"{row!["strategy"]} max {row["max_length"]} stride {row["stride"]} {row["direction"]}";
            Tokenizer truncating = tokenizer.WithTruncation(new Truncation
            {
                MaxLength = (int)row["max_length"]!,
                Stride = (int)row["stride"]!,
                Strategy = Parse<TruncationStrategy>((string)row["strategy"]!),
                Direction = Parse<TextDirection>((string)row["direction"]!),
            });
            if (row["pad_direction"] is { } direction)
            {
                truncating = truncating.WithPadding(new Padding
                {
                    Direction = Parse<TextDirection>((string)direction!),
                    PadToMultipleOf = (int?)row["pad_to_multiple_of"],
                });
            }

            var options = new EncodeOptions { OffsetUnit = OffsetUnit.CodePoint };
            if (row["error"] is not null)
            {
                MerganserException? error = null;
                try
                {
                    truncating.EncodeBatch(pairs, options);
                }
                catch (MerganserException e)
                {
                    error = e;
                }

                if (error is null)
                    differences.Add($"{name}: expected the error {row["error"]}");
            }
            else
            {
                Compare(differences, name, row["out"]!.AsArray(), truncating.EncodeBatch(pairs, options));
            }

            checkedRows++;
        }

        Assert.True(checkedRows > 0);
        Assert.True(differences.Count == 0, $"{differences.Count} differences\n" + string.Join('\n', differences.Take(10)));
    }

    private static void Compare(List<string> differences, string name, JsonArray expected, IReadOnlyList<Encoding> found)
    {
        Assert.Equal(expected.Count, found.Count);
        for (int i = 0; i < found.Count; i++)
        {
            JsonNode want = expected[i]!;
            CoreGoldenTests.Compare(differences, $"{name} [{i}] ids", GoldenVocabularies.Ints(want["ids"]!), found[i].Ids);
            CoreGoldenTests.Compare(differences, $"{name} [{i}] type ids", GoldenVocabularies.Ints(want["type_ids"]!), found[i].TypeIds);
            CoreGoldenTests.Compare(differences, $"{name} [{i}] attention", GoldenVocabularies.Ints(want["mask"]!), found[i].AttentionMask);
            CoreGoldenTests.Compare(differences, $"{name} [{i}] special", GoldenVocabularies.Ints(want["special"]!), found[i].SpecialTokensMask);
            CoreGoldenTests.Compare(differences, $"{name} [{i}] offsets", GoldenVocabularies.Ints(want["off"]!), CoreGoldenTests.Flat(found[i].Offsets));
            string windows = string.Join(" | ", want["overflow_ids"]!.AsArray().Select(window => string.Join(',', GoldenVocabularies.Ints(window!))));
            string foundWindows = string.Join(" | ", found[i].Overflowing.Select(window => string.Join(',', window.Ids)));
            if (windows != foundWindows)
                differences.Add($"{name} [{i}] overflow:\n  expected {windows}\n  found    {foundWindows}");
        }
    }

    /// <summary>Reads <c>template single "…", pair "…", TOKEN=id …</c>.</summary>
    private static Tokenizer WithTemplate(Tokenizer tokenizer, string description)
    {
        string[] quoted = description.Split('"');
        TemplateToken[] tokens = [.. quoted[4].Trim(' ', ',').Split(' ').Select(token => token.Split('=')).Select(token =>
            new TemplateToken(token[0], [int.Parse(token[1], System.Globalization.CultureInfo.InvariantCulture)], [token[0]]))];
        return new Tokenizer(tokenizer.Model)
        {
            Normalizer = tokenizer.Normalizer,
            PreTokenizer = tokenizer.PreTokenizer,
            AddedTokens = tokenizer.AddedTokens,
            Decoder = tokenizer.Decoder,
            PostProcessor = new TemplateProcessing(Pieces(quoted[1]), Pieces(quoted[3]), tokens),
        };
    }

    private static TemplatePiece[] Pieces(string template) => [.. template.Split(' ').Select(piece =>
    {
        string[] parts = piece.Split(':');
        int type = parts.Length > 1 ? int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) : 0;
        return new TemplatePiece(parts[0].TrimStart('$'), parts[0][0] == '$', type);
    })];

    private static T Parse<T>(string name)
        where T : struct, Enum => Enum.Parse<T>(name.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
}
