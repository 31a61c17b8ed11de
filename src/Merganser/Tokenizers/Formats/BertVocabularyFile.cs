using Merganser.Checkpoints;
using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>
/// <c>vocab.txt</c> of BERT: one token per line, the line number is the id. The pipeline is BERT's; it lower-cases unless a
/// token that is no control token has an ASCII upper-case letter.
/// </summary>
internal static class BertVocabularyFile
{
    private const long LargestFile = 256 << 20;
    private static readonly string[] Controls = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

    public static Tokenizer Read(string path) => Parse(BoundedJson.ReadBytes(path, LargestFile), path);

    public static Tokenizer Parse(ReadOnlySpan<byte> file, string path)
    {
        var builder = new Vocabulary.Builder();
        try
        {
            while (!file.IsEmpty)
            {
                int end = file.IndexOf((byte)'\n');
                ReadOnlySpan<byte> line = (end < 0 ? file : file[..end]).TrimEnd((byte)'\r');
                file = end < 0 ? [] : file[(end + 1)..];
                if (!System.Text.Unicode.Utf8.IsValid(line))
                    throw new MerganserException($"line {builder.Count + 1} is no UTF-8");
                if (line.IsEmpty && file.IsEmpty)
                    break;
                builder.Add(line, builder.Count);
            }

            Vocabulary vocabulary = builder.Build();
            List<AddedToken> added = [];
            foreach (string control in Controls)
            {
                if (vocabulary.TryGetId(control, out int id))
                    added.Add(new AddedToken(id, control, Special: true));
            }

            if (!vocabulary.TryGetId("[UNK]", out _))
                throw new MerganserException("has no [UNK]; is it the vocab.txt of a WordPiece model?");
            return new Tokenizer(new WordPieceModel(vocabulary))
            {
                Normalizer = new BertNormalizer { Lowercase = !IsCased(vocabulary) },
                PreTokenizer = new BertPreTokenizer(),
                PostProcessor = vocabulary.TryGetId("[CLS]", out int cls) && vocabulary.TryGetId("[SEP]", out int sep)
                    ? new BertProcessing { Classifier = ("[CLS]", cls), Separator = ("[SEP]", sep) }
                    : null,
                Decoder = new WordPieceDecoder(),
                AddedTokens = new AddedVocabulary(added),
            };
        }
        catch (MerganserException e)
        {
            throw new MerganserException($"{path}: {e.Message}", e);
        }
    }

    public static void Write(Tokenizer tokenizer, Stream stream)
    {
        if (tokenizer.Model is not WordPieceModel { ContinuingSubwordPrefix: "##", UnkToken: "[UNK]", MaxInputCharsPerWord: 100 } model)
            throw new MerganserException("vocab.txt holds only WordPiece models with the prefix ##, [UNK] and at most 100 characters per word");
        if (tokenizer.Normalizer is not BertNormalizer { CleanText: true, HandleChineseChars: true, StripAccents: null } bert || tokenizer.PreTokenizer is not BertPreTokenizer)
            throw new MerganserException("vocab.txt stands for BERT's normalizer and pre-tokenizer; this tokenizer has others");
        Vocabulary vocabulary = model.Vocabulary;
        if (bert.Lowercase == IsCased(vocabulary))
            throw new MerganserException($"whoever reads the vocab.txt would {(bert.Lowercase ? "not " : "")}lower-case, because it has {(bert.Lowercase ? "" : "no ")}tokens with upper-case letters");
        if (tokenizer.AddedTokens.Tokens.FirstOrDefault(token => !Controls.Contains(token.Content)) is { Content: not null } extra)
            throw new MerganserException($"vocab.txt cannot hold the added token {Quoted.Name(extra.Content)}");
        foreach (string control in Controls)
        {
            if (vocabulary.TryGetId(control, out _) && !(tokenizer.AddedTokens.TryGet(control, out AddedToken token) && token.Special && !token.Normalized))
                throw new MerganserException($"whoever reads vocab.txt would take its token {Quoted.Name(control)} for a special token, which it is not here");
        }

        for (int id = 0; id < vocabulary.IdLimit; id++)
        {
            if (!vocabulary.Contains(id) || vocabulary[id].IndexOfAny((byte)'\n', (byte)'\r') >= 0 || vocabulary[id].IsEmpty)
                throw new MerganserException($"the id {id} has no token, or one with a line break; vocab.txt needs one line per id");
            stream.Write(vocabulary[id]);
            stream.WriteByte((byte)'\n');
        }
    }

    private static bool IsCased(Vocabulary vocabulary)
    {
        for (int id = 0; id < vocabulary.IdLimit; id++)
        {
            ReadOnlySpan<byte> token = vocabulary[id];
            bool isControl = token.Length > 2 && token[0] == '[' && token[^1] == ']';
            if (!isControl && token.IndexOfAnyInRange((byte)'A', (byte)'Z') >= 0)
                return true;
        }

        return false;
    }
}
