using CsCheck;
using Merganser.Tokenizers;

namespace Merganser.Tests.Tokenizers;

public sealed class TokenizerPropertyTests
{
    private static readonly Lazy<Tokenizer> ByteLevel = new(() => TrainedGoldenTests.LoadMember("train-bpe-bytelevel.json"));
    private static readonly Lazy<Tokenizer> WordPiece = new(() => TrainedGoldenTests.LoadMember("train-wordpiece.json"));
    private static readonly Lazy<Tokenizer> Unigram = new(() => TrainedGoldenTests.LoadMember("train-unigram.json"));

    private static readonly Gen<string> Texts = Gen.Frequency(
        (4, Gen.String),
        (4, One("Hello", " ", "  ", "\n", "wörld", "123", "三丰", "😀", "mémhit", "'s", "<pad>", "[MASK]", "<|endoftext|>", "\ud800", "e\u0301", ".").Array[0, 30].Select(string.Concat)));

    private static Gen<T> One<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    [Fact]
    public void Byte_level_decoding_undoes_encoding_on_any_bytes() =>
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            int[] ids = ByteLevel.Value.EncodeUtf8ToIds(bytes, specialTokens: SpecialTokenPolicy.AsText);
            Assert.Equal(bytes, ByteLevel.Value.DecodeToUtf8(ids, skipSpecialTokens: false));
        });

    [Fact]
    public void The_roads_agree_on_any_bytes() =>
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            var fast = new TokenBuffer(tracksOffsets: true);
            var slow = new TokenBuffer(tracksOffsets: true);
            ByteLevel.Value.EncodeUtf8(bytes, fast);
            ByteLevel.Value.StepByStep().EncodeUtf8(bytes, slow);
            Assert.Equal(slow.Ids.ToArray(), fast.Ids.ToArray());
            Assert.Equal(slow.Starts.ToArray(), fast.Starts.ToArray());
            Assert.Equal(slow.Ends.ToArray(), fast.Ends.ToArray());
        });

    [Fact]
    public void Offsets_rise_and_stay_inside_the_text_and_counts_are_lengths() =>
        Gen.Select(Texts, One(0, 1, 2), One(OffsetUnit.Utf16, OffsetUnit.Utf8, OffsetUnit.CodePoint)).Sample((text, which, unit) =>
        {
            Tokenizer tokenizer = (which == 0 ? ByteLevel : which == 1 ? WordPiece : Unigram).Value;
            Encoding encoding = tokenizer.Encode(text, options: new EncodeOptions { OffsetUnit = unit });
            int length = unit switch
            {
                OffsetUnit.Utf16 => text.Length,
                OffsetUnit.Utf8 => System.Text.Encoding.UTF8.GetByteCount(text),
                _ => text.EnumerateRunes().Count(),
            };
            int last = 0;
            foreach ((int start, int end) in encoding.Offsets)
            {
                Assert.True(start <= end && end <= length && start >= 0, $"({start}, {end}) of {length}");
                Assert.True(start >= last || end >= last, "offsets fall back");
                last = start;
            }

            Assert.Equal(encoding.Count, tokenizer.CountTokens(text));
            Assert.Equal(encoding.Ids, tokenizer.EncodeToIds(text));
            Encoding steps = tokenizer.StepByStep().Encode(text, options: new EncodeOptions { OffsetUnit = unit });
            Assert.Equal(steps.Ids, encoding.Ids);
            Assert.Equal(steps.Offsets, encoding.Offsets);
            Assert.Equal(steps.WordIds, encoding.WordIds);
        });

    [Fact]
    public void Streaming_gives_the_text_of_decoding_and_never_half_a_character() =>
        Gen.Select(Texts, One(0, 1, 2)).Sample((text, which) =>
        {
            Tokenizer tokenizer = (which == 0 ? ByteLevel : which == 1 ? WordPiece : Unigram).Value;
            int[] ids = tokenizer.EncodeToIds(text);
            StreamingDecoder stream = tokenizer.CreateStreamingDecoder();
            var all = new System.Text.StringBuilder();
            foreach (int id in ids)
            {
                string more = stream.Append(id);
                Assert.False(more.Length > 0 && (char.IsLowSurrogate(more[0]) || char.IsHighSurrogate(more[^1])));
                all.Append(more);
            }

            all.Append(stream.Flush());
            Assert.Equal(tokenizer.Decode(ids), all.ToString());
        });

    [Fact]
    public void Batches_on_threads_give_what_one_after_the_other_gives()
    {
        string[] texts = [.. GoldenVocabularies.Texts.Select(text => (string)text!), .. Enumerable.Range(0, 500).Select(i => $"text {i} mémhit 三丰")];
        foreach (Tokenizer tokenizer in (Tokenizer[])[ByteLevel.Value, WordPiece.Value, Unigram.Value])
        {
            int[][] parallel = tokenizer.EncodeBatchToIds(texts);
            IReadOnlyList<Encoding> encodings = tokenizer.EncodeBatch(texts);
            for (int i = 0; i < texts.Length; i++)
            {
                Assert.Equal(tokenizer.EncodeToIds(texts[i]), parallel[i]);
                Assert.Equal(parallel[i], encodings[i].Ids);
            }
        }
    }

    [Fact]
    public void Cutting_to_a_number_of_tokens_keeps_whole_characters_and_at_most_so_many() =>
        Gen.Select(Texts, Gen.Int[1, 10]).Sample((text, max) =>
        {
            int[] ids = ByteLevel.Value.EncodeToIds(text, max, out int consumed);
            Assert.True(ids.Length <= max && consumed <= text.Length);
            int start = ByteLevel.Value.GetIndexByTokenCountFromEnd(text, max, out int tokenCount);
            Assert.True(tokenCount <= max && start <= text.Length);
        });

    [Fact]
    public void The_automaton_finds_what_a_plain_search_finds() =>
        Gen.Select(Gen.Byte[97, 99].Array[1, 5].Array[1, 8], Gen.Byte[97, 100].Array[0, 40]).Sample((patterns, text) =>
        {
            var automaton = new AhoCorasick(patterns);
            int from = 0;
            while (true)
            {
                (int start, int length) = (-1, 0);
                for (int at = from; at < text.Length && start < 0; at++)
                {
                    foreach (byte[] pattern in patterns)
                    {
                        if (pattern.Length > length && text.AsSpan(at).StartsWith(pattern))
                            (start, length) = (at, pattern.Length);
                    }
                }

                bool found = automaton.TryFind(text, from, out int foundStart, out int foundPattern);
                Assert.Equal(start >= 0, found);
                if (!found)
                    return;
                Assert.Equal((start, length), (foundStart, automaton.Length(foundPattern)));
                from = start + length;
            }
        });

    [Fact]
    public void Special_tokens_are_found_forbidden_or_text()
    {
        Tokenizer tokenizer = ByteLevel.Value;
        Assert.Equal([0], tokenizer.EncodeToIds("<|endoftext|>"));
        Assert.True(tokenizer.EncodeToIds("<|endoftext|>", specialTokens: SpecialTokenPolicy.AsText).Length > 1);
        Assert.Contains("<|endoftext|>", Assert.Throws<MerganserException>(() => tokenizer.EncodeToIds("a <|endoftext|>", specialTokens: SpecialTokenPolicy.Forbid)).Message, StringComparison.Ordinal);
    }
}
