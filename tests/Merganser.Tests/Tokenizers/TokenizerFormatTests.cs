using Merganser.Checkpoints.Formats;
using Merganser.MicrosoftTokenizers;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

public sealed class TokenizerFormatTests
{
    private const string Components = """
        {"version":"1.0","truncation":{"direction":"Left","max_length":20,"strategy":"OnlyFirst","stride":1},
        "padding":{"strategy":{"Fixed":4},"direction":"Left","pad_to_multiple_of":8,"pad_id":1,"pad_type_id":2,"pad_token":"<p>"},
        "added_tokens":[{"id":5,"content":"<x>","single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"special":false}],
        "normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"NFD"},{"type":"NFKC"},{"type":"NFKD"},{"type":"Lowercase"},
        {"type":"Strip","strip_left":true,"strip_right":false},{"type":"StripAccents"},{"type":"Nmt"},{"type":"Prepend","prepend":"_"},
        {"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "},{"type":"Replace","pattern":{"String":"a"},"content":"b"},{"type":"Precompiled","precompiled_charsmap":""},
        {"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":false,"strip_accents":true,"lowercase":false}]},
        "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Whitespace"},{"type":"BertPreTokenizer"},
        {"type":"Split","pattern":{"Regex":"\\d+"},"behavior":"MergedWithNext","invert":true},{"type":"Metaspace","replacement":"_","prepend_scheme":"first","split":false},
        {"type":"Punctuation","behavior":"Contiguous"},{"type":"Digits","individual_digits":true},{"type":"CharDelimiterSplit","delimiter":"|"},
        {"type":"UnicodeScripts"},{"type":"FixedLength","length":3},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]},
        "post_processor":{"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false},
        {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"b","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
        "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{"b":{"id":"b","ids":[1,2],"tokens":["x","y"]}}}]},
        "decoder":{"type":"Sequence","decoders":[{"type":"WordPiece","prefix":"##","cleanup":false},{"type":"Metaspace","replacement":"_","prepend_scheme":"never","split":true},
        {"type":"BPEDecoder","suffix":"</w>"},{"type":"CTC","pad_token":"<p>","word_delimiter_token":"|","cleanup":false},
        {"type":"Replace","pattern":{"String":"_"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":2},
        {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]},
        "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":9,"vocab":{"[UNK]":0,"x":1,"y":2,"##y":3,"\u00e9":4}}}
        """;

    private static readonly string[] Small =
    [
        Components,
        """{"model":{"type":"BPE","unk_token":"u","continuing_subword_prefix":null,"vocab":{"a":0,"b":1,"ab":2,"u":3},"merges":[["a","b"]]},"added_tokens":[{"id":4,"content":"<s>","special":true}],"post_processor":{"type":"BertProcessing","sep":["a",0],"cls":["b",1]}}""",
        """{"model":{"vocab":[["<u>",0.0],["a",-1.5],["b",-2],["ab",-3.25]],"unk_id":0,"byte_fallback":true},"decoder":{"type":"ByteFallback"}}""",
        """{"model":{"type":"WordLevel","vocab":{"a":0,"<unk>":1},"unk_token":"<unk>"},"pre_tokenizer":{"type":"Whitespace"},"post_processor":{"type":"RobertaProcessing","sep":["a",0],"cls":["b",1],"trim_offsets":true,"add_prefix_space":false}}""",
    ];

    [Fact]
    public void Every_component_survives_saving_and_loading()
    {
        byte[] first = Save(Parse(Components));
        byte[] second = Save(Tokenizer.LoadJson(first));
        Assert.Equal(first, second);
        string text = System.Text.Encoding.UTF8.GetString(first);
        foreach (string type in (string[])["NFKD", "Precompiled", "BertNormalizer", "FixedLength", "UnicodeScripts", "CharDelimiterSplit", "TemplateProcessing", "CTC", "ByteFallback", "MergedWithNext", "OnlyFirst", "Fixed"])
            Assert.Contains(type, text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"type\":\"UnicodeScripts\"", "\"type\":\"Nonsense\"", "pre_tokenizer.pretokenizers[8]")]
    [InlineData("\"type\":\"NFKD\"", "\"type\":\"Nonsense\"", "normalizer.normalizers[3]")]
    [InlineData("\"type\":\"CTC\"", "\"type\":\"Nonsense\"", "decoder.decoders[3]")]
    [InlineData("\"type\":\"WordPiece\",\"unk", "\"type\":\"Nonsense\",\"unk", "model")]
    [InlineData("\"id\":5,", "\"id\":7,", "added_tokens")]
    [InlineData("\"length\":3", "\"length\":0", "pre_tokenizer.pretokenizers[9]")]
    [InlineData("\"##y\":3", "\"x\":3", "model.vocab")]
    [InlineData("\"##y\":3", "\"##y\":2", "model.vocab")]
    public void What_is_wrong_is_named_with_its_path(string what, string by, string path)
    {
        MerganserException error = Assert.Throws<MerganserException>(() => Parse(Components.Replace(what, by, StringComparison.Ordinal)));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Models_without_a_type_are_recognised()
    {
        Assert.IsType<UnigramModel>(Parse(Small[2]).Model);
        Assert.IsType<BpeModel>(Parse("""{"model":{"merges":["a b"],"vocab":{"a":0,"b":1,"ab":2}}}""").Model);
        Assert.IsType<WordPieceModel>(Parse("""{"model":{"max_input_chars_per_word":5,"vocab":{"[UNK]":0}}}""").Model);
        Assert.IsType<WordLevelModel>(Parse("""{"model":{"vocab":{"<unk>":0}}}""").Model);
    }

    [Fact]
    public void Ten_thousand_mutated_files_are_loaded_or_refused()
    {
        var random = new Random(7);
        byte[][] files = [.. Small.Select(System.Text.Encoding.UTF8.GetBytes)];
        byte[] model = SmallSentencePiece();
        byte[] ranks = System.Text.Encoding.UTF8.GetBytes("YQ== 0\nYg== 1\nYWI= 2\n");
        byte[] words = "[UNK]\n[CLS]\n[SEP]\na\n##b\n"u8.ToArray();
        int loaded = 0;
        int refused = 0;
        for (int i = 0; i < 10_000; i++)
        {
            int which = random.Next(7);
            byte[] file = Mutate(which < 4 ? files[which] : which == 4 ? model : which == 5 ? ranks : words, random);
            try
            {
                Tokenizer tokenizer = which switch
                {
                    < 4 => Tokenizer.LoadJson(file, "mutated"),
                    4 => new SentencePieceTokenizer(SentencePieceFile.Parse(file, "mutated"), "mutated").ToTokenizer(),
                    5 => TiktokenFile.Parse(file, "mutated", new TiktokenEncoding("test", @"\p{L}+|\P{L}+", [])),
                    _ => BertVocabularyFile.Parse(file, "mutated"),
                };
                loaded++;
                tokenizer.Decode(tokenizer.Encode("ab é <x> x|y 12", "b a").Ids);
            }
            catch (MerganserException)
            {
                refused++;
            }
        }

        Assert.True(loaded > 500 && refused > 500, $"{loaded} loaded, {refused} refused");
    }

    [Fact]
    public void Conversions_that_lose_nothing_give_the_same_ids_and_others_are_refused()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            Tokenizer bytes = TrainedGoldenTests.LoadMember("train-bpe-bytelevel.json");
            Tokenizer words = TrainedGoldenTests.LoadMember("train-wordpiece.json");
            string vocabulary = Path.Combine(folder, "vocab.txt");
            words.Save(vocabulary, TokenizerFormat.VocabTxt);
            Same(words, Tokenizer.Load(vocabulary));
            string json = Path.Combine(folder, "vocab.json");
            var plain = new Tokenizer(bytes.Model) { PreTokenizer = bytes.PreTokenizer, Decoder = bytes.Decoder, AddedTokens = bytes.AddedTokens };
            plain.Save(json, TokenizerFormat.VocabJson);
            Same(plain, Tokenizer.Load(json));
            Same(plain, Tokenizer.Load(Path.Combine(folder, "merges.txt")));
            var pieces = new SentencePieceTokenizer(SentencePieceFile.Parse(SmallSentencePiece(), "small"), "small");
            string model = Path.Combine(folder, "small.model");
            pieces.ToTokenizer().Save(model, TokenizerFormat.SentencePiece);
            Assert.Equal(pieces.EncodeToIds("ab a b"), SentencePieceTokenizer.Load(model).EncodeToIds("ab a b"));
            Assert.Throws<MerganserException>(() => words.Save(Path.Combine(folder, "x.tiktoken"), TokenizerFormat.Tiktoken));
            Assert.Throws<MerganserException>(() => bytes.Save(Path.Combine(folder, "y.txt"), TokenizerFormat.VocabTxt));
            Assert.Throws<MerganserException>(() => words.Save(Path.Combine(folder, "z.model"), TokenizerFormat.SentencePiece));
            Assert.False(File.Exists(Path.Combine(folder, "x.tiktoken")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Tiktoken_files_come_out_as_they_went_in()
    {
        string path = Path.Combine(GoldenVocabularies.Folder, "gpt2.tiktoken");
        Tokenizer tokenizer = GoldenVocabularies.Get("gpt2.tiktoken");
        using var saved = new MemoryStream();
        TiktokenFile.Write(tokenizer, saved);
        Assert.Equal(File.ReadAllBytes(path), saved.ToArray());
        Tokenizer again = Tokenizer.LoadJson(Save(GoldenVocabularies.Get("cl100k.tiktoken")));
        Assert.True(again.TryGetId("<|endofprompt|>", out int id));
        Assert.Equal(100276, id);
    }

    [Fact]
    public void The_adapter_is_a_tokenizer_of_the_other_library()
    {
        Tokenizer inner = TrainedGoldenTests.LoadMember("train-bpe-bytelevel.json");
        Microsoft.ML.Tokenizers.Tokenizer adapter = new MerganserTokenizer(inner);
        const string Text = "mouseackmem 三丰 peacor 😀!";
        Assert.Equal(inner.EncodeToIds(Text), adapter.EncodeToIds(Text));
        Assert.Equal(inner.CountTokens(Text), adapter.CountTokens(Text));
        Assert.Equal(Text, adapter.Decode(adapter.EncodeToIds(Text)));
        Assert.Equal(inner.EncodeToIds(Text).Length, adapter.EncodeToTokens(Text, out _).Count);
        Assert.Equal(Text.Length, adapter.EncodeToTokens(Text, out _)[^1].Offset.End.Value);
        for (int max = 1; max < 20; max++)
        {
            IReadOnlyList<int> ids = adapter.EncodeToIds(Text, max, out _, out int consumed);
            Assert.True(ids.Count <= max);
            Assert.Equal(Text[..consumed], adapter.Decode(ids));
            int index = adapter.GetIndexByTokenCount(Text, max, out _, out int count);
            Assert.Equal((consumed, ids.Count), (index, count));
            int start = adapter.GetIndexByTokenCountFromEnd(Text, max, out _, out int countFromEnd);
            Assert.True(countFromEnd <= max);
            Assert.False(start < Text.Length && char.IsLowSurrogate(Text[start]));
        }

        Span<char> destination = new char[Text.Length];
        Assert.Equal(System.Buffers.OperationStatus.Done, adapter.Decode(adapter.EncodeToIds(Text), destination, out int idsConsumed, out int written));
        Assert.Equal((adapter.EncodeToIds(Text).Count, Text.Length), (idsConsumed, written));
        Assert.Equal(System.Buffers.OperationStatus.DestinationTooSmall, adapter.Decode(adapter.EncodeToIds(Text), destination[..5], out _, out written));
        Assert.True(Text.AsSpan().StartsWith(destination[..written]));
        Assert.Throws<NotSupportedException>(() => adapter.EncodeToIds(Text, considerPreTokenization: false));
    }

    private static void Same(Tokenizer expected, Tokenizer found)
    {
        foreach (System.Text.Json.Nodes.JsonNode? text in GoldenVocabularies.Texts)
            Assert.Equal(expected.EncodeToIds((string)text!, addSpecialTokens: false), found.EncodeToIds((string)text!, addSpecialTokens: false, SpecialTokenPolicy.Allow));
    }

    private static Tokenizer Parse(string json) => Tokenizer.LoadJson(System.Text.Encoding.UTF8.GetBytes(json), "test.json");

    private static byte[] Save(Tokenizer tokenizer)
    {
        using var stream = new MemoryStream();
        tokenizer.Save(stream);
        return stream.ToArray();
    }

    private static byte[] SmallSentencePiece()
    {
        using var stream = new MemoryStream();
        SentencePieceFile.Create(
            [
                new("<unk>"u8.ToArray(), 0, PieceKind.Unknown), new("<s>"u8.ToArray(), 0, PieceKind.Control), new("\u2581"u8.ToArray(), -2, PieceKind.Normal),
                new("a"u8.ToArray(), -1, PieceKind.Normal), new("b"u8.ToArray(), -1.5f, PieceKind.Normal), new("\u2581ab"u8.ToArray(), -1.25f, PieceKind.Normal),
            ],
            new SentencePieceSettings()).Write(stream);
        return stream.ToArray();
    }

    private static byte[] Mutate(byte[] file, Random random)
    {
        List<byte> bytes = [.. file];
        for (int edits = random.Next(1, 4); edits > 0 && bytes.Count > 0; edits--)
        {
            int at = random.Next(bytes.Count);
            int length = Math.Min(random.Next(1, 12), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - length + 1), length));
                    break;
                case 3:
                    bytes[at] = (byte)"{}[]\",:0123456789-e\\"[random.Next(20)];
                    break;
                case 4:
                    int digit = bytes.FindIndex(at, b => b is >= (byte)'0' and <= (byte)'9');
                    if (digit >= 0)
                        bytes.InsertRange(digit, System.Text.Encoding.ASCII.GetBytes(random.Next(2) == 0 ? "99999999" : "-"));
                    break;
                default:
                    if (random.Next(8) == 0)
                        bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }
}
