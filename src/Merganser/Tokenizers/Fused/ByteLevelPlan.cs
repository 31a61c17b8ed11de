namespace Merganser.Tokenizers;

/// <summary>
/// Byte-level BPE on the bytes themselves: the split pattern, the id of every byte, the tokens by their bytes and, once it is
/// known, whether a token is what its own bytes are encoded to.
/// </summary>
internal sealed class ByteLevelPlan : FusedPlan
{
    private const byte Unknown = 0;
    private const byte Whole = 1;
    private const byte NotWhole = 2;

    private readonly byte[] _wholeness; // by id; written by any thread, always with the same value

    private ByteLevelPlan(BpeModel model, SplitScanner? scanner, bool addsSpace, Normalizer? normalizer, Vocabulary raw, int[] byteIds)
    {
        Model = model;
        Scanner = scanner;
        AddsSpace = addsSpace;
        Normalizer = normalizer;
        Raw = raw;
        ByteIds = byteIds;
        _wholeness = new byte[raw.IdLimit];
        BytePairs = new int[1 << 16];
        for (int pair = 0; pair < BytePairs.Length; pair++)
            BytePairs[pair] = model.Merges.Rank(byteIds[pair >> 8], byteIds[pair & 0xFF]);
    }

    public BpeModel Model { get; }

    /// <summary>Cuts the text; null: it is one pretoken.</summary>
    public SplitScanner? Scanner { get; }

    /// <summary>Whether a piece that does not begin with a space gets one.</summary>
    public bool AddsSpace { get; }

    public Normalizer? Normalizer { get; }

    /// <summary>The tokens as the bytes they stand for.</summary>
    public Vocabulary Raw { get; }

    /// <summary>The id of each byte.</summary>
    public int[] ByteIds { get; }

    /// <summary>The rank of each pair of bytes, the first in the upper half of the index; -1 for none. The few that text has stay in the first cache.</summary>
    public int[] BytePairs { get; }

    public static ByteLevelPlan? TryCreate(Normalizer? normalizer, PreTokenizer? preTokenizer, BpeModel model)
    {
        if (model.Dropout is > 0 || model.ContinuingSubwordPrefix.Length > 0 || model.EndOfWordSuffix.Length > 0)
            return null;
        if (!TryRecognise(preTokenizer, out SplitScanner? scanner, out bool addsSpace))
            return null;
        var byteIds = new int[256];
        var raw = new Vocabulary.Builder();
        Span<byte> bytes = stackalloc byte[512];
        for (int id = 0; id < model.Vocabulary.IdLimit; id++)
        {
            ReadOnlySpan<byte> token = model.Vocabulary[id];
            if (token.IsEmpty)
                continue;
            Span<byte> room = token.Length <= bytes.Length ? bytes : new byte[token.Length];
            if (ByteLevelAlphabet.TryDecode(token, room, out int length))
                raw.Add(room[..length], id);
        }

        Vocabulary rawTokens = raw.Build();
        for (int value = 0; value < 256; value++)
        {
            if (!rawTokens.TryGetId([(byte)value], out byteIds[value]))
                return null;
        }

        return new ByteLevelPlan(model, scanner, addsSpace, normalizer, rawTokens, byteIds);
    }

    public override FusedEncoder CreateEncoder() => new ByteLevelEncoder(this);

    /// <summary>Finds a token that is the answer for its bytes.</summary>
    public bool TryGetWhole(ReadOnlySpan<byte> word, out int id, out bool isUnknown)
    {
        isUnknown = false;
        if (!Raw.TryGetId(word, out id))
            return false;
        if (Model.IgnoreMerges || _wholeness[id] == Whole)
            return true;
        isUnknown = _wholeness[id] == Unknown;
        return false;
    }

    /// <summary>Remembers whether the merges make a token out of its bytes.</summary>
    public void SetWhole(int id, bool isWhole) => _wholeness[id] = isWhole ? Whole : NotWhole;

    internal static bool TryRecognise(PreTokenizer? preTokenizer, out SplitScanner? scanner, out bool addsSpace)
    {
        scanner = null;
        addsSpace = false;
        while (preTokenizer is SequencePreTokenizer { PreTokenizers.Count: 1 } sequence)
            preTokenizer = sequence.PreTokenizers[0];
        switch (preTokenizer)
        {
            case ByteLevelPreTokenizer byteLevel:
                scanner = byteLevel.UseRegex ? SplitScanner.TryCreate(SplitScanner.Gpt2Pattern) : null;
                addsSpace = byteLevel.AddPrefixSpace;
                return true;
            case SequencePreTokenizer { PreTokenizers: [SplitPreTokenizer split, ByteLevelPreTokenizer { UseRegex: false, AddPrefixSpace: false }] }
                when split.Pattern.IsRegex && (split.Behavior == SplitBehavior.Isolated || (split.Behavior == SplitBehavior.Removed && split.Invert)):
                scanner = SplitScanner.TryCreate(split.Pattern.Text);
                return scanner is not null;
            default:
                return false;
        }
    }
}
