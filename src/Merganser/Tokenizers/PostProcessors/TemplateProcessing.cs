namespace Merganser.Tokenizers;

/// <summary>Puts special tokens around one or two sequences as a template says.</summary>
public sealed class TemplateProcessing : PostProcessor
{
    private readonly TemplatePiece[] _single;
    private readonly TemplatePiece[] _pair;
    private readonly TemplateToken[] _tokens;
    private readonly Dictionary<string, int[]> _ids;

    /// <summary>Makes the post-processor.</summary>
    /// <param name="single">The template of one sequence; it names A once.</param>
    /// <param name="pair">The template of two; it names A and B once each.</param>
    /// <param name="tokens">The special tokens that the templates name.</param>
    /// <exception cref="MerganserException">A template names a token or a sequence that is not there, or a sequence twice.</exception>
    public TemplateProcessing(IReadOnlyList<TemplatePiece> single, IReadOnlyList<TemplatePiece> pair, IReadOnlyList<TemplateToken> tokens)
    {
        ArgumentNullException.ThrowIfNull(single);
        ArgumentNullException.ThrowIfNull(pair);
        ArgumentNullException.ThrowIfNull(tokens);
        _single = [.. single];
        _pair = [.. pair];
        _tokens = [.. tokens];
        _ids = [];
        foreach (TemplateToken token in _tokens)
        {
            if (!_ids.TryAdd(token.Id, [.. token.Ids]))
                throw new MerganserException($"the template has the special token '{token.Id}' twice");
        }

        Check(_single, "single", isPair: false);
        Check(_pair, "pair", isPair: true);
    }

    /// <summary>The template of one sequence.</summary>
    public IReadOnlyList<TemplatePiece> Single => _single;

    /// <summary>The template of two sequences.</summary>
    public IReadOnlyList<TemplatePiece> Pair => _pair;

    /// <summary>The special tokens.</summary>
    public IReadOnlyList<TemplateToken> SpecialTokens => _tokens;

    /// <inheritdoc/>
    public override int AddedTokens(bool isPair)
    {
        int count = 0;
        foreach (TemplatePiece piece in isPair ? _pair : _single)
            count += piece.IsSequence ? 0 : _ids[piece.Id].Length;
        return count;
    }

    /// <inheritdoc/>
    public override Encoding Process(Encoding first, Encoding? second, bool addSpecialTokens) =>
        EncodingSlices.Join(Apply(second is null ? [first] : [first, second], addSpecialTokens));

    internal override List<Encoding> Apply(List<Encoding> parts, bool addSpecialTokens)
    {
        if (parts.Count > 2)
            throw new MerganserException("a template cannot follow another post-processor that adds tokens; put both in one template");
        List<Encoding> result = [];
        foreach (TemplatePiece piece in parts.Count == 2 ? _pair : _single)
        {
            if (piece.IsSequence)
                result.Add(EncodingSlices.WithTypeId(parts[piece.Id == "A" ? 0 : 1], piece.TypeId));
            else if (addSpecialTokens)
                result.Add(EncodingSlices.Special(_ids[piece.Id], piece.TypeId));
        }

        return result;
    }

    internal override (int[] Before, int[] After)? Frame(bool addSpecialTokens)
    {
        List<int> before = [];
        List<int> after = [];
        bool seen = false;
        foreach (TemplatePiece piece in _single)
        {
            if (piece.IsSequence)
                seen = true;
            else if (addSpecialTokens)
                (seen ? after : before).AddRange(_ids[piece.Id]);
        }

        return ([.. before], [.. after]);
    }

    private void Check(TemplatePiece[] pieces, string name, bool isPair)
    {
        int first = 0;
        int second = 0;
        foreach (TemplatePiece piece in pieces)
        {
            if (!piece.IsSequence && !_ids.ContainsKey(piece.Id))
                throw new MerganserException($"the template '{name}' uses the special token '{piece.Id}', which special_tokens does not define");
            if (piece.IsSequence && piece.Id != "A" && !(isPair && piece.Id == "B"))
                throw new MerganserException($"the template '{name}' names the sequence '{piece.Id}'; it may name {(isPair ? "A and B" : "A")}");
            first += piece.IsSequence && piece.Id == "A" ? 1 : 0;
            second += piece.IsSequence && piece.Id == "B" ? 1 : 0;
        }

        if (first != 1 || second != (isPair ? 1 : 0))
            throw new MerganserException($"the template '{name}' must name {(isPair ? "A and B" : "A")} exactly once");
    }
}
