namespace Merganser.Tokenizers;

/// <summary>
/// Learns a unigram language model (Kudo, "Subword Regularization", arXiv 1804.10959) as the Unigram trainer of HF tokenizers
/// does: seeds from the suffix array of the distinct pretokens; then expectation maximisation and pruning in turn, until a
/// tenth more pieces than wanted are left; then all characters of the text and the first of the other pieces, by score.
/// </summary>
/// <remarks>
/// Where the reference depends on hash order: characters that were dropped on the way come back by code point, each 0.0001
/// above the last, the first with the lowest score of all. The special tokens have score 0. The reference returns too many
/// pieces when characters and special tokens alone fill the vocabulary; here a vocabulary is never larger than asked.
/// </remarks>
public sealed class UnigramTrainer : TokenizerTrainer
{
    private const double RequiredScoreStep = 1e-4;

    /// <summary>Makes a trainer of 8000 pieces.</summary>
    public UnigramTrainer() => VocabularySize = 8000;

    /// <summary>The part of the pieces that a pruning keeps; default 0.75, above 0 and below 1.</summary>
    /// <exception cref="MerganserException">Out of range.</exception>
    public double ShrinkingFactor
    {
        get;
        init => field = value is > 0 and < 1 ? value : throw new MerganserException($"shrinking_factor {value} is not between 0 and 1");
    } = 0.75;

    /// <summary>Steps of expectation maximisation between prunings (<c>n_sub_iterations</c>); default 2, at least 1.</summary>
    /// <exception cref="MerganserException">Below 1.</exception>
    public int SubIterations
    {
        get;
        init => field = value >= 1 ? value : throw new MerganserException($"n_sub_iterations {value}: must be at least 1");
    } = 2;

    /// <summary>The longest piece in code points; default 16, from 1 to 1024.</summary>
    /// <exception cref="MerganserException">Out of range.</exception>
    public int MaxPieceLength
    {
        get;
        init => field = value is >= 1 and <= 1024 ? value : throw new MerganserException($"max_piece_length {value} is not between 1 and 1024");
    } = 16;

    /// <summary>The most pieces to begin with; characters are always among them. Default 1000000, at least 1.</summary>
    /// <exception cref="MerganserException">Below 1.</exception>
    public int SeedSize
    {
        get;
        init => field = value >= 1 ? value : throw new MerganserException($"seed_size {value}: must be at least 1");
    } = 1_000_000;

    /// <summary>
    /// The unknown token; it is put before the special tokens unless it is one of them. Null (default): none, and text with
    /// characters that were not in the training is an error.
    /// </summary>
    public string? UnkToken { get; init; }

    /// <summary>Characters that get a piece whether they occur or not.</summary>
    public string InitialAlphabet
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    } = "";

    /// <summary>Whether the model that is made falls back to byte tokens (<c>&lt;0xNN&gt;</c>, to be given as special tokens); default false.</summary>
    public bool ByteFallback { get; init; }

    /// <inheritdoc/>
    protected override TokenizerModel Learn(WordCounts words, TrainingRun run)
    {
        string[] specials = UnkToken is not null && !SpecialTokens.Contains(UnkToken) ? [UnkToken, .. SpecialTokens] : [.. SpecialTokens];
        List<int> required = RequiredCharacters(words);
        if (specials.Length + (long)required.Count > VocabularySize)
            throw new MerganserException($"vocab_size {VocabularySize} is too small: {specials.Length} special tokens and the {required.Count} characters of the text need {specials.Length + (long)required.Count}");
        var estimation = new UnigramEstimation(words, UnigramSeeds.Create(words, MaxPieceLength, SeedSize, run), run);
        if (words.Count > 0)
            Estimate(estimation, run);
        return Finish(estimation.Pieces, specials, required);
    }

    private void Estimate(UnigramEstimation estimation, TrainingRun run)
    {
        int desired = (int)(VocabularySize * 11L / 10);
        int seeds = estimation.Pieces.LiveCount;
        while (true)
        {
            for (int step = 0; step < SubIterations; step++)
            {
                int left = Math.Max(desired, estimation.Pieces.LiveCount);
                run.Report(TrainingStage.Estimating, Math.Max(0, seeds - left), Math.Max(0, seeds - desired));
                estimation.Step();
            }

            int size = Math.Max(desired, (int)(estimation.Pieces.LiveCount * ShrinkingFactor));
            if (estimation.Pieces.LiveCount <= desired || !estimation.Prune(size))
                break;
        }

        run.Report(TrainingStage.Estimating, Math.Max(0, seeds - desired), Math.Max(0, seeds - desired));
    }

    /// <summary>The special tokens, all required characters and as many other pieces as there is room for.</summary>
    private UnigramModel Finish(PieceList pieces, string[] specials, List<int> required)
    {
        var tokens = new WordTable(); // texts, to find what is there already
        var scores = new List<double>();
        foreach (string special in specials)
            Add(System.Text.Encoding.UTF8.GetBytes(special), 0);
        var learned = new WordTable();
        var learnedScores = new List<double>();
        for (int piece = 1; piece < pieces.Count; piece++)
        {
            if (!pieces.IsLive(piece))
                continue;
            learned.Add(pieces[piece], 0);
            learnedScores.Add(pieces.Scores[piece]);
        }

        double lowest = pieces.LowestScore();
        double missingScore = double.IsFinite(lowest) ? lowest : 0;
        byte[] utf8 = new byte[4];
        foreach (int codePoint in required)
        {
            Span<byte> character = utf8.AsSpan(0, Utf8.Encode(codePoint, utf8));
            int found = learned.Find(character);
            bool isNew = Add(character, found >= 0 ? learnedScores[found] : missingScore);
            if (isNew && found < 0)
                missingScore += RequiredScoreStep;
        }

        for (int piece = 0; piece < learned.Count && tokens.Count < VocabularySize; piece++)
            Add(learned[piece], learnedScores[piece]);
        int[] order = new int[tokens.Count];
        for (int i = 0; i < order.Length; i++)
            order[i] = i;
        order.AsSpan(specials.Length).Sort((x, y) => scores[x] != scores[y] ? scores[y].CompareTo(scores[x]) : x.CompareTo(y));
        var vocabulary = new Vocabulary.Builder();
        double[] ordered = new double[order.Length];
        for (int id = 0; id < order.Length; id++)
        {
            vocabulary.Add(tokens[order[id]], id);
            ordered[id] = scores[order[id]];
        }

        int unknown = UnkToken is null ? -1 : Array.IndexOf(specials, UnkToken);
        return new UnigramModel(vocabulary.Build(), ordered) { UnkId = unknown < 0 ? null : unknown, ByteFallback = ByteFallback };

        bool Add(ReadOnlySpan<byte> token, double score)
        {
            if (tokens.Find(token) >= 0)
                return false;
            tokens.Add(token, 0);
            scores.Add(score);
            return true;
        }
    }

    private List<int> RequiredCharacters(WordCounts words)
    {
        long[] counts = TrainingAlphabet.CountCharacters(words);
        foreach (System.Text.Rune rune in InitialAlphabet.EnumerateRunes())
            counts[rune.Value]++;
        var required = new List<int>();
        for (int codePoint = 0; codePoint < counts.Length; codePoint++)
        {
            if (counts[codePoint] > 0)
                required.Add(codePoint);
        }

        return required;
    }
}
