namespace Merganser.Tokenizers;

/// <summary>
/// The unigram language model (Kudo, "Subword Regularization", arXiv 1804.10959): the segmentation with the highest sum of
/// scores (natural logarithms), found by Viterbi over a trie of the pieces. Ties go to the earlier found, shorter-last piece.
/// </summary>
public sealed class UnigramModel : TokenizerModel
{
    private readonly double[] _scores;
    private readonly int? _unkId;
    private readonly Lazy<DoubleArrayTrie> _trie;

    /// <summary>Makes the model.</summary>
    /// <param name="vocabulary">The pieces.</param>
    /// <param name="scores">The score of each id; at least <see cref="Vocabulary.IdLimit"/> of them.</param>
    /// <exception cref="ArgumentException">Too few scores.</exception>
    /// <exception cref="MerganserException">A score is not a finite number.</exception>
    public UnigramModel(Vocabulary vocabulary, ReadOnlySpan<double> scores)
    {
        ArgumentNullException.ThrowIfNull(vocabulary);
        if (scores.Length < vocabulary.IdLimit)
            throw new ArgumentException($"{scores.Length} scores for ids up to {vocabulary.IdLimit - 1}", nameof(scores));
        Vocabulary = vocabulary;
        _scores = scores[..vocabulary.IdLimit].ToArray();
        double least = double.PositiveInfinity;
        for (int id = 0; id < _scores.Length; id++)
        {
            if (!vocabulary.Contains(id))
                continue;
            if (!double.IsFinite(_scores[id]))
                throw new MerganserException($"the score of the piece '{vocabulary.GetText(id)}' is not a finite number");
            least = Math.Min(least, _scores[id]);
        }

        UnknownScore = (double.IsFinite(least) ? least : 0) - UnknownPenalty;
        _trie = new Lazy<DoubleArrayTrie>(() => DoubleArrayTrie.Create(Vocabulary));
    }

    /// <summary>What an unknown character scores below the worst piece.</summary>
    private const double UnknownPenalty = 10;

    /// <inheritdoc/>
    public override Vocabulary Vocabulary { get; }

    /// <inheritdoc/>
    public override string Type => "Unigram";

    /// <inheritdoc/>
    public override int? UnknownId => UnkId;

    /// <summary>The scores by id.</summary>
    public ReadOnlySpan<double> Scores => _scores;

    /// <summary>The id for characters that no piece covers; null: such text is an error.</summary>
    /// <exception cref="MerganserException">Not an id of the vocabulary.</exception>
    public int? UnkId
    {
        get => _unkId;
        init => _unkId = value is null || Vocabulary.Contains(value.Value) ? value : throw new MerganserException($"unk_id {value} is not in the vocabulary of {Vocabulary.Count} pieces");
    }

    /// <summary>Whether text that no piece covers becomes its bytes (<c>&lt;0xNN&gt;</c>), if all are there.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Whether adjacent unknown characters become one.</summary>
    public bool FuseUnk { get; init; } = true;

    /// <summary>The score of an unknown character: the worst piece's less 10.</summary>
    internal double UnknownScore { get; }

    /// <summary>The pieces as a trie, made when first needed.</summary>
    internal DoubleArrayTrie Trie => _trie.Value;

    /// <inheritdoc/>
    public override ModelEncoder CreateEncoder() => new UnigramEncoder(this);
}
