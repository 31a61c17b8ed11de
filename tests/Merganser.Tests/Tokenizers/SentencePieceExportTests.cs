using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

/// <summary>Pipelines that come from elsewhere, written as SentencePiece models.</summary>
public sealed class SentencePieceExportTests
{
    [Theory]
    [InlineData("gemma3", "no ordinary piece")]
    [InlineData("cl100k", "U+2581")]
    [InlineData("bert-uncased-npm", "BertNormalizer")]
    public void Published_pipelines_keep_their_ids_or_are_refused_with_the_reason(string name, string? reason)
    {
        Tokenizer tokenizer = GoldenVocabularies.Get(Path.Combine(name, "tokenizer.json"));
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "out.model");
        if (reason is not null)
        {
            Assert.Contains(reason, Assert.Throws<MerganserException>(() => tokenizer.Save(path, TokenizerFormat.SentencePiece)).Message, StringComparison.Ordinal);
            Assert.False(File.Exists(path));
            return;
        }

        tokenizer.Save(path, TokenizerFormat.SentencePiece);
        SentencePieceTokenizer saved = SentencePieceTokenizer.Load(path);
        foreach (System.Text.Json.Nodes.JsonNode? text in GoldenVocabularies.Texts)
            Assert.Equal(tokenizer.EncodeToIds((string)text!, addSpecialTokens: false, SpecialTokenPolicy.AsText), saved.EncodeToIds((string)text!));
    }

    [Theory]
    [InlineData("""["a b","b c"]""", """{"<unk>":0,"▁":1,"a":2,"b":3,"c":4,"ab":5,"bc":6}""", null)]
    [InlineData("""["a b","ab c"]""", """{"<unk>":0,"▁":1,"a":2,"b":3,"c":4,"ab":5,"bc":6,"abc":7}""", "would join 'b' and 'c'")]
    [InlineData("""["a b","b c","ab c"]""", """{"<unk>":0,"▁":1,"a":2,"b":3,"c":4,"ab":5,"bc":6,"abc":7}""", "would join 'a' and 'bc'")]
    [InlineData("""["a b","b c","ab c","a bc"]""", """{"<unk>":0,"▁":1,"a":2,"b":3,"c":4,"ab":5,"bc":6,"abc":7}""", null)]
    [InlineData("""["b c","ab c","a b","a bc"]""", """{"<unk>":0,"▁":1,"a":2,"b":3,"c":4,"ab":5,"bc":6,"abc":7}""", "do not follow one another")]
    [InlineData("""["x y","y x","y xy","yx y"]""", """{"<unk>":0,"▁":1,"x":2,"y":3,"xy":4,"yx":5,"yxy":6}""", null)]
    [InlineData("""["a b"]""", """{"<unk>":0,"▁":1,"a":2,"b":3,"ab":4,"dc":5}""", "would join 'd' and 'c'")]
    public void Merges_are_written_as_scores_only_if_scores_say_the_same(string merges, string vocabulary, string? reason)
    {
        Tokenizer tokenizer = Tokenizer.LoadJson(System.Text.Encoding.UTF8.GetBytes($$$"""
            {"added_tokens":[{"id":0,"content":"<unk>","special":true}],
             "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
             "model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"vocab":{{{vocabulary}}},"merges":{{{merges}}} }}
            """));
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "out.model");
        if (reason is not null)
        {
            Assert.Contains(reason, Assert.Throws<MerganserException>(() => tokenizer.Save(path, TokenizerFormat.SentencePiece)).Message, StringComparison.Ordinal);
            return;
        }

        tokenizer.Save(path, TokenizerFormat.SentencePiece);
        Tokenizer again = Tokenizer.Load(path);
        SentencePieceTokenizer pieces = SentencePieceTokenizer.Load(path);
        var random = new Random(5);
        for (int i = 0; i < 3000; i++)
        {
            string text = new([.. Enumerable.Range(0, random.Next(1, 14)).Select(_ => "abcxydq "[random.Next(8)])]);
            int[] expected = tokenizer.EncodeToIds(text);
            Assert.Equal(expected, pieces.EncodeToIds(text));
            Assert.Equal(expected, again.EncodeToIds(text));
        }
    }

    [Fact]
    public void Random_vocabularies_with_all_merges_give_the_same_ids_on_random_texts()
    {
        var random = new Random(11);
        using var folder = new TempFolder();
        string path = Path.Combine(folder.Path, "out.model");
        for (int round = 0; round < 1500; round++)
        {
            // Pieces of two or three letters; all ways to make a piece, in random order within it.
            int letters = random.Next(2, 4);
            HashSet<string> pieces = ["a", "b", "c"];
            for (int i = random.Next(2, 20); i > 0; i--)
                pieces.Add(new string([.. Enumerable.Range(0, random.Next(2, 6)).Select(_ => "abc"[random.Next(letters)])]));
            string[] order = [.. pieces.Skip(3)];
            random.Shuffle(order);
            List<string> merges = [];
            foreach (string piece in order)
            {
                string[] cuts = [.. Enumerable.Range(1, piece.Length - 1).Where(cut => pieces.Contains(piece[..cut]) && pieces.Contains(piece[cut..])).Select(cut => $"[\"{piece[..cut]}\",\"{piece[cut..]}\"]")];
                random.Shuffle(cuts);
                merges.AddRange(cuts);
            }

            string vocabulary = string.Join(',', pieces.Select((piece, id) => $"\"{piece}\":{id + 2}"));
            Tokenizer tokenizer = Tokenizer.LoadJson(System.Text.Encoding.UTF8.GetBytes($$$"""
                {"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"},
                 "model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"vocab":{"<unk>":0,"▁":1,{{{vocabulary}}}},"merges":[{{{string.Join(',', merges)}}}]}}
                """));
            tokenizer.Save(path, TokenizerFormat.SentencePiece);
            SentencePieceTokenizer saved = SentencePieceTokenizer.Load(path);
            for (int i = 0; i < 25; i++)
            {
                string text = new([.. Enumerable.Range(0, random.Next(1, 24)).Select(_ => "abc"[random.Next(letters)])]);
                Assert.Equal(tokenizer.EncodeToIds(text), saved.EncodeToIds(text));
            }
        }
    }
}
