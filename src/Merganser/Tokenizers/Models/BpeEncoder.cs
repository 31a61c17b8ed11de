namespace Merganser.Tokenizers;

/// <summary>Cuts a pretoken into characters as the options say and merges them.</summary>
internal sealed class BpeEncoder : ModelEncoder
{
    private const int TableLimit = 0x800; // characters of one or two bytes are found in a table

    private readonly BpeModel _model;
    private readonly Vocabulary _vocabulary;
    private readonly MergeEngine _engine;
    private readonly byte[] _prefix;
    private readonly byte[] _suffix;
    private readonly int[] _byteIds;
    private readonly int[] _charIds; // -2 not looked up yet, -1 not in the vocabulary
    private readonly int _unknown;
    private int[] _ids = new int[64];
    private int[] _lengths = new int[64];
    private byte[] _symbol = new byte[16];
    private int _count;

    public BpeEncoder(BpeModel model)
    {
        _model = model;
        _vocabulary = model.Vocabulary;
        _engine = new MergeEngine(model.Merges, model.Dropout ?? 0, model.Seed);
        _prefix = System.Text.Encoding.UTF8.GetBytes(model.ContinuingSubwordPrefix);
        _suffix = System.Text.Encoding.UTF8.GetBytes(model.EndOfWordSuffix);
        _byteIds = model.ByteFallback ? ByteTokens.Find(_vocabulary) : [];
        _charIds = new int[TableLimit];
        Array.Fill(_charIds, -2);
        _unknown = model.UnknownId ?? -1;
    }

    public override void Encode(ReadOnlySpan<byte> pretoken, TokenBuffer tokens)
    {
        if (pretoken.IsEmpty)
            return;
        if (_model.IgnoreMerges && _vocabulary.TryGetId(pretoken, out int whole))
        {
            tokens.Add(whole, 0, pretoken.Length);
            return;
        }

        Cut(pretoken);
        int count = _engine.Merge(_ids.AsSpan(0, _count), _lengths.AsSpan(0, _count));
        int start = 0;
        for (int i = 0; i < count; i++)
        {
            int end = start + _lengths[i];
            tokens.Add(_ids[i], start, end);
            start = end;
        }
    }

    private void Cut(ReadOnlySpan<byte> pretoken)
    {
        _count = 0;
        int unknownLength = 0; // of the unknown symbol that waits to be written, 0 when none does
        int length;
        for (int at = 0; at < pretoken.Length; at += length)
        {
            length = Utf8.LengthAt(pretoken, at, pretoken.Length);
            ReadOnlySpan<byte> symbol = pretoken.Slice(at, length);
            bool isFirst = at == 0;
            bool isLast = at + length == pretoken.Length;
            int id;
            if ((isFirst || _prefix.Length == 0) && (!isLast || _suffix.Length == 0))
            {
                id = CharId(symbol);
            }
            else
            {
                symbol = Decorate(symbol, !isFirst, isLast);
                id = _vocabulary.TryGetId(symbol, out int found) ? found : -1;
            }

            if (id >= 0)
            {
                if (unknownLength > 0)
                    Push(_unknown, unknownLength);
                unknownLength = 0;
                Push(id, length);
                continue;
            }

            if (_byteIds.Length > 0 && ByteTokens.Cover(_byteIds, symbol))
            {
                // An unknown symbol that waits is written after these bytes, as the reference does.
                foreach (byte value in symbol)
                    Push(_byteIds[value], 1);
                continue;
            }

            if (_model.UnkToken is null)
                continue;
            if (_unknown < 0)
                throw new MerganserException($"the unknown token '{_model.UnkToken}' is not in the vocabulary, and the text has characters that are not either; set unk_token");
            if (unknownLength > 0 && !_model.FuseUnk)
            {
                Push(_unknown, unknownLength);
                unknownLength = 0;
            }

            unknownLength += length;
        }

        if (unknownLength > 0)
            Push(_unknown, unknownLength);
    }

    private int CharId(ReadOnlySpan<byte> symbol)
    {
        if (symbol.Length > 2)
            return _vocabulary.TryGetId(symbol, out int id) ? id : -1;
        int key = symbol.Length == 1 ? symbol[0] : ((symbol[0] & 0x1F) << 6) | (symbol[1] & 0x3F);
        if (_charIds[key] == -2)
            _charIds[key] = _vocabulary.TryGetId(symbol, out int id) ? id : -1;
        return _charIds[key];
    }

    private ReadOnlySpan<byte> Decorate(ReadOnlySpan<byte> symbol, bool withPrefix, bool withSuffix)
    {
        int length = symbol.Length + (withPrefix ? _prefix.Length : 0) + (withSuffix ? _suffix.Length : 0);
        if (_symbol.Length < length)
            _symbol = new byte[length];
        Span<byte> rest = _symbol;
        if (withPrefix)
        {
            _prefix.CopyTo(rest);
            rest = rest[_prefix.Length..];
        }

        symbol.CopyTo(rest);
        if (withSuffix)
            _suffix.CopyTo(rest[symbol.Length..]);
        return _symbol.AsSpan(0, length);
    }

    private void Push(int id, int length)
    {
        if (_count == _ids.Length)
        {
            Array.Resize(ref _ids, 2 * _count);
            Array.Resize(ref _lengths, 2 * _count);
        }

        _ids[_count] = id;
        _lengths[_count++] = length;
    }
}
