using System.Text.Json;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Merges of large files are read in parts; where a part begins is guessed, what is read is not.</summary>
public sealed class MergesScannerTests
{
    private static readonly string[] Symbols = ["a", "],[", "\",\"", "\"", "\\", "],", "[", "é", "\n", "\\\"],[\\\"", ", ", "日本", "\u0001", "]"];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Large_lists_of_awkward_pairs_are_read_whole(bool indented)
    {
        var random = new Random(indented ? 1 : 2);
        var tokens = new HashSet<string>(Symbols);
        var pairs = new List<(string Left, string Right)>();
        string[] known = Symbols;
        while (pairs.Count < 150_000)
        {
            (string left, string right) = (known[random.Next(known.Length)], known[random.Next(known.Length)]);
            if (left.Length + right.Length > 40)
                continue;
            tokens.Add(left + right);
            pairs.Add((left, right));
            if ((pairs.Count & (pairs.Count - 1)) == 0)
                known = [.. tokens];
        }

        Tokenizer tokenizer = Tokenizer.LoadJson(Write(tokens, pairs, indented));
        MergeTable merges = Assert.IsType<BpeModel>(tokenizer.Model).Merges;
        Assert.Equal(pairs.Count, merges.Count);
        for (int rank = 0; rank < pairs.Count; rank++)
        {
            (int left, int right, int result) = merges[rank];
            Assert.Equal(pairs[rank], (tokenizer.Model.Vocabulary.GetText(left), tokenizer.Model.Vocabulary.GetText(right)));
            Assert.Equal(pairs[rank].Left + pairs[rank].Right, tokenizer.Model.Vocabulary.GetText(result));
        }

        Assert.True(tokenizer.AddedTokens.TryGet("<last>", out _), "what follows the merges is read");
    }

    private static byte[] Write(HashSet<string> tokens, List<(string Left, string Right)> pairs, bool indented)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = indented }))
        {
            json.WriteStartObject();
            json.WriteStartObject("model");
            json.WriteString("type", "BPE");
            json.WriteNull("continuing_subword_prefix");
            json.WriteStartObject("vocab");
            int id = 0;
            foreach (string token in tokens)
                json.WriteNumber(token, id++);
            json.WriteEndObject();
            json.WriteStartArray("merges");
            foreach ((string left, string right) in pairs)
            {
                json.WriteStartArray();
                json.WriteStringValue(left);
                json.WriteStringValue(right);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteBoolean("byte_fallback", false);
            json.WriteEndObject();
            json.WriteStartArray("added_tokens");
            json.WriteStartObject();
            json.WriteNumber("id", tokens.Count);
            json.WriteString("content", "<last>");
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }
}
