using Merganser.Checkpoints.Formats;

namespace Merganser.Tokenizers;

/// <summary>One piece of an encoded text.</summary>
/// <param name="Id">The id.</param>
/// <param name="Piece">The piece; an unknown one as it stands in the normalised text.</param>
/// <param name="Start">Where it begins in the text, in bytes of UTF-8.</param>
/// <param name="End">Where it ends.</param>
public readonly record struct SentencePieceToken(int Id, string Piece, int Start, int End);

/// <summary>
/// A SentencePiece model with SentencePiece's own rules (Kudo and Richardson, arXiv 1808.06226): unigram, BPE, word and
/// character models, its normalisation, its byte offsets, float arithmetic, n-best. <see cref="ToTokenizer"/> gives the same
/// vocabulary as a pipeline. Immutable.
/// </summary>
public sealed class SentencePieceTokenizer
{
    private readonly SentencePieceFile _file;
    private readonly SentencePieceNormalizer _normalizer;
    private readonly SentencePieceSegmenter _segmenter;
    private readonly int[] _byteIds;

    internal SentencePieceTokenizer(SentencePieceFile file, string path)
    {
        _file = file;
        if ((uint)file.UnkId >= (uint)file.Pieces.Count || file.Pieces[file.UnkId].Kind != PieceKind.Unknown)
        {
            int found = file.Pieces.FindIndex(piece => piece.Kind == PieceKind.Unknown);
            UnkId = found >= 0 ? found : throw new MerganserException($"{path}: has no unknown piece");
        }
        else
        {
            UnkId = file.UnkId;
        }

        _byteIds = new int[256];
        Array.Fill(_byteIds, -1);
        var builder = new Vocabulary.Builder();
        var userDefined = new DoubleArrayTrie.Builder();
        bool hasUserDefined = false;
        for (int id = 0; id < file.Pieces.Count; id++)
        {
            SentencePieceEntry piece = file.Pieces[id];
            builder.Add(piece.Piece, id);
            if (piece.Kind == PieceKind.UserDefined)
            {
                userDefined.Add(piece.Piece, id);
                hasUserDefined = true;
            }
            else if (piece.Kind == PieceKind.Byte && ByteFallbackDecoder.TryReadByte(piece.Text, out byte value))
            {
                _byteIds[value] = id;
            }
        }

        try
        {
            Vocabulary = builder.Build();
        }
        catch (MerganserException e)
        {
            throw new MerganserException($"{path}: {e.Message}", e);
        }

        if (file.ByteFallback && _byteIds.Contains(-1))
            throw new MerganserException($"{path}: uses byte fallback, but has not all 256 byte pieces");
        DoubleArrayTrie? userTrie = hasUserDefined ? userDefined.Build() : null;
        _normalizer = new SentencePieceNormalizer(file, userTrie, path);
        _segmenter = file.Kind switch
        {
            SentencePieceKind.Unigram => new SentencePieceUnigram(file, UnkId),
            SentencePieceKind.Bpe => new SentencePieceBpe(file, UnkId, Vocabulary, userTrie),
            SentencePieceKind.Word => new SentencePieceWords(file, UnkId, Vocabulary),
            _ => new SentencePieceCharacters(file, UnkId, Vocabulary, userTrie),
        };
    }

    /// <summary>The pieces by id.</summary>
    public Vocabulary Vocabulary { get; }

    /// <summary>The id of unknown pieces.</summary>
    public int UnkId { get; }

    /// <summary>The id of the beginning of a text; -1: none.</summary>
    public int BosId => Valid(_file.BosId);

    /// <summary>The id of the end of a text; -1: none.</summary>
    public int EosId => Valid(_file.EosId);

    /// <summary>The id of padding; -1: none.</summary>
    public int PadId => Valid(_file.PadId);

    /// <summary>Loads a <c>.model</c> file.</summary>
    /// <exception cref="MerganserException">It is damaged, or of a kind that is not supported.</exception>
    public static SentencePieceTokenizer Load(string path) => new(SentencePieceFile.Read(path), path);

    /// <summary>Saves the model; what was loaded comes out as it was.</summary>
    public void Save(string path) => WholeFile.Write(path, Save);

    /// <summary>Saves the model.</summary>
    public void Save(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _file.Write(stream);
    }

    /// <summary>Encodes a text to ids; neither beginning nor end is put in.</summary>
    public int[] EncodeToIds(string text) => [.. Encode(text).Select(token => token.Id)];

    /// <summary>Encodes a text to pieces with their byte offsets.</summary>
    public IReadOnlyList<SentencePieceToken> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        SentencePieceText normalized = _normalizer.Normalize(Utf8Of(text));
        byte[] bytes = [.. normalized.Bytes];
        return ToTokens(normalized, bytes, _segmenter.Segment(bytes));
    }

    /// <summary>The best segmentations of a text by score, at most as many as wanted.</summary>
    /// <exception cref="MerganserException">The model is not a unigram model.</exception>
    public IReadOnlyList<int[]> EncodeNBest(string text, int count)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 1024);
        if (_segmenter is not SentencePieceUnigram unigram)
            throw new MerganserException($"n-best segmentations need a unigram model; this is a {_file.Kind} model");
        SentencePieceText normalized = _normalizer.Normalize(Utf8Of(text));
        byte[] bytes = [.. normalized.Bytes];
        return [.. unigram.NBest(bytes, count).Select(path => ToTokens(normalized, bytes, path).Select(token => token.Id).ToArray())];
    }

    /// <summary>Turns ids back into text: unknown pieces by the model's surface, control pieces as nothing.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public string Decode(ReadOnlySpan<int> ids)
    {
        List<byte> output = [];
        List<byte> run = [];
        bool dropsMarker = _file.AddDummyPrefix || _file.RemoveExtraWhitespaces;
        foreach (int id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, _file.Pieces.Count, nameof(ids));
            SentencePieceEntry entry = _file.Pieces[id];
            if (entry.Kind == PieceKind.Byte)
            {
                ByteFallbackDecoder.TryReadByte(entry.Text, out byte value);
                run.Add(value);
                continue;
            }

            FlushBytes(run, output);
            if (entry.Kind == PieceKind.Control)
                continue;
            if (entry.Kind == PieceKind.Unknown)
            {
                output.AddRange(_file.UnknownSurface);
                continue;
            }

            ReadOnlySpan<byte> piece = entry.Piece;
            if (dropsMarker && output.Count == 0 && piece.StartsWith(SentencePieceNormalizer.Marker))
            {
                piece = piece[SentencePieceNormalizer.Marker.Length..];
                dropsMarker = _file.RemoveExtraWhitespaces; // else only the one that was put before the text
            }

            while (!piece.IsEmpty)
            {
                bool isMarker = piece.StartsWith(SentencePieceNormalizer.Marker);
                output.Add(isMarker ? (byte)' ' : piece[0]);
                piece = piece[(isMarker ? SentencePieceNormalizer.Marker.Length : 1)..];
            }
        }

        FlushBytes(run, output);
        return System.Text.Encoding.UTF8.GetString([.. output]);
    }

    /// <summary>The same vocabulary as a pipeline with the same ids.</summary>
    /// <remarks>
    /// What differs is what a pipeline has other rules for. Control pieces in the text are found as special tokens; a unigram
    /// pipeline has them among its pieces even with <see cref="SpecialTokenPolicy.AsText"/>. A table of replacements acts on
    /// whole grapheme clusters. User-defined pieces become added tokens, and the text between them is normalised piece by piece:
    /// a marker before the text is missing where a user-defined piece begins it, a space that begins it may count as that
    /// marker, and spaces that end it stay. The pipeline of a word model can be saved as <c>.model</c> only.
    /// </remarks>
    /// <exception cref="MerganserException">The pipeline cannot express a setting of the model.</exception>
    public Tokenizer ToTokenizer() => SentencePieceConversion.ToTokenizer(_file, Vocabulary, UnkId);

    private int Valid(int id) => (uint)id < (uint)_file.Pieces.Count ? id : -1;

    private static byte[] Utf8Of(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private List<SentencePieceToken> ToTokens(SentencePieceText normalized, byte[] bytes, IReadOnlyList<(int Id, int End)> path)
    {
        List<SentencePieceToken> tokens = new(path.Count);
        int start = 0;
        bool afterUnknown = false;
        foreach ((int id, int end) in path)
        {
            int from = normalized.Sources[start];
            int to = normalized.Sources[end];
            bool isUnknown = id == UnkId;
            if (isUnknown && _file.ByteFallback)
            {
                for (int i = start; i < end; i++)
                    tokens.Add(new SentencePieceToken(_byteIds[bytes[i]], Vocabulary.GetText(_byteIds[bytes[i]]), from, i == end - 1 ? to : from));
            }
            else
            {
                string piece = System.Text.Encoding.UTF8.GetString(bytes, start, end - start);
                if (isUnknown && afterUnknown)
                    tokens[^1] = tokens[^1] with { Piece = tokens[^1].Piece + piece, End = to };
                else
                    tokens.Add(new SentencePieceToken(id, piece, from, to));
            }

            afterUnknown = isUnknown;
            start = end;
        }

        return tokens;
    }

    private static void FlushBytes(List<byte> run, List<byte> output)
    {
        if (run.Count == 0)
            return;
        byte[] bytes = [.. run];
        for (int at = 0; at < bytes.Length;)
        {
            bool isValid = Utf8.Decode(bytes, at, out int length) != Utf8.Replacement || length > 1;
            output.AddRange(isValid ? bytes.AsSpan(at, length) : "\uFFFD"u8);
            at += length;
        }

        run.Clear();
    }
}
