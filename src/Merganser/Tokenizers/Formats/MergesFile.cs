using System.Text.Encodings.Web;
using System.Text.Json;
using Merganser.Checkpoints;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>
/// <c>vocab.json</c> (token → id) and <c>merges.txt</c> (a merge per line, after a line <c>#version</c>) of GPT-2 and its
/// relatives. The pipeline is GPT-2's: byte-level with its split pattern, no prefix space.
/// </summary>
internal static class MergesFile
{
    private const long LargestFile = 256 << 20;
    private static readonly string[] Controls = ["<|endoftext|>", "<s>", "</s>", "<pad>", "<unk>", "<mask>"];

    public static Tokenizer Read(string vocabularyPath)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(vocabularyPath))!;
        string mergesPath = Path.Combine(folder, "merges.txt");
        if (!File.Exists(mergesPath) && File.Exists(Path.Combine(folder, "vocab.bpe")))
            mergesPath = Path.Combine(folder, "vocab.bpe");
        return Parse(BoundedJson.ReadBytes(vocabularyPath, LargestFile), vocabularyPath, BoundedJson.ReadBytes(mergesPath, LargestFile), mergesPath);
    }

    public static Tokenizer Parse(ReadOnlySpan<byte> vocabularyJson, string vocabularyPath, ReadOnlySpan<byte> mergesText, string mergesPath)
    {
        Vocabulary vocabulary = TokenizerJson.ParseVocabulary(vocabularyJson, vocabularyPath);
        for (int value = 0; value < 256; value++)
        {
            if (!vocabulary.TryGetId(ByteLevelAlphabet.ToChar((byte)value).ToString(), out _))
                throw new MerganserException($"{vocabularyPath}: has no token for the byte 0x{value:X2}: it is not byte-level, and the two files do not say how text is split; use its tokenizer.json");
        }

        var merges = new MergeTable.Builder(vocabulary);
        int number = 0;
        while (!mergesText.IsEmpty)
        {
            number++;
            int end = mergesText.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = (end < 0 ? mergesText : mergesText[..end]).TrimEnd((byte)'\r');
            mergesText = end < 0 ? [] : mergesText[(end + 1)..];
            if (line.IsEmpty || (number == 1 && line.StartsWith("#version"u8)))
                continue;
            try
            {
                merges.AddLine(line);
            }
            catch (MerganserException e)
            {
                throw new MerganserException($"{mergesPath}: line {number}: {e.Message}", e);
            }
        }

        List<AddedToken> added = [];
        foreach (string control in Controls)
        {
            if (vocabulary.TryGetId(control, out int id))
                added.Add(new AddedToken(id, control, LeftStrip: control == "<mask>", Special: true));
        }

        return new Tokenizer(new BpeModel(vocabulary, merges.Build()))
        {
            PreTokenizer = new ByteLevelPreTokenizer { AddPrefixSpace = false },
            PostProcessor = new ByteLevelProcessing { AddPrefixSpace = false, TrimOffsets = false },
            Decoder = new ByteLevelDecoder(),
            AddedTokens = new AddedVocabulary(added),
        };
    }

    /// <summary>Writes both files; the merges go beside the vocabulary as merges.txt.</summary>
    public static void Write(Tokenizer tokenizer, string vocabularyPath)
    {
        if (tokenizer.Model is not BpeModel { ContinuingSubwordPrefix: "", EndOfWordSuffix: "", ByteFallback: false, UnkToken: null, IgnoreMerges: false } model || model.Dropout is > 0)
            throw new MerganserException("vocab.json and merges.txt hold only byte-level BPE without dropout, prefix, suffix, unknown token, byte fallback and ignore_merges");
        if (tokenizer.Normalizer is not null || tokenizer.PreTokenizer is not ByteLevelPreTokenizer { AddPrefixSpace: false, UseRegex: true } || tokenizer.PostProcessor is not (null or ByteLevelProcessing))
            throw new MerganserException("vocab.json and merges.txt stand for GPT-2's pipeline; this tokenizer has another normalizer, pre-tokenizer or post-processor");
        foreach (AddedToken token in tokenizer.AddedTokens.Tokens)
        {
            if (!Controls.Contains(token.Content) || !model.Vocabulary.TryGetId(token.Content, out _))
                throw new MerganserException($"vocab.json and merges.txt cannot hold the added token {Quoted.Name(token.Content)}");
        }

        foreach (string control in Controls)
        {
            if (model.Vocabulary.TryGetId(control, out _) && !(tokenizer.AddedTokens.TryGet(control, out AddedToken token) && token.Special && !token.Normalized))
                throw new MerganserException($"whoever reads vocab.json would take its token {Quoted.Name(control)} for a special token, which it is not here");
        }

        WholeFile.Write(vocabularyPath, stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
            json.WriteStartObject();
            for (int id = 0; id < model.Vocabulary.IdLimit; id++)
            {
                if (model.Vocabulary.Contains(id))
                    json.WriteNumber(model.Vocabulary[id], id);
            }

            json.WriteEndObject();
        });
        WholeFile.Write(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(vocabularyPath))!, "merges.txt"), stream =>
        {
            stream.Write("#version: 0.2\n"u8);
            for (int rank = 0; rank < model.Merges.Count; rank++)
            {
                (int left, int right, _) = model.Merges[rank];
                stream.Write(model.Vocabulary[left]);
                stream.WriteByte((byte)' ');
                stream.Write(model.Vocabulary[right]);
                stream.WriteByte((byte)'\n');
            }
        });
    }
}
