using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Merganser.Tokenizers;

/// <summary>
/// Normalizer, pre-tokenizer and model in one pass over the bytes of the text, for the configurations that are common. Gives
/// the same tokens and byte ranges as the steps one after the other. The text is cut into words that are encoded independently
/// of each other; what a word gives is remembered. One per thread.
/// </summary>
internal abstract class FusedEncoder
{
    private readonly WordCache _cache = new();
    private readonly TokenBuffer _scratch = new(tracksOffsets: true) { PretokenEnds = [] };

    /// <summary>How the words of this encoder relate to pretokens.</summary>
    public abstract PretokenTracking Pretokens { get; }

    /// <summary>Makes an encoder for a configuration; null when it has no fused form.</summary>
    public static FusedEncoder? TryCreate(Normalizer? normalizer, PreTokenizer? preTokenizer, TokenizerModel model) =>
        FusedPlan.TryCreate(normalizer, preTokenizer, model)?.CreateEncoder();

    /// <summary>Appends the tokens of a piece of text between added tokens; their ranges count from the start of the original text.</summary>
    /// <param name="text">The piece: UTF-8 as it was given.</param>
    /// <param name="textStart">Where the piece begins in the original text, in bytes.</param>
    /// <param name="tokens">Where the tokens go.</param>
    public abstract void Encode(ReadOnlySpan<byte> text, int textStart, TokenBuffer tokens);

    /// <summary>Encodes a word that is not remembered; ranges are bytes inside the word, whole characters.</summary>
    /// <param name="word">The bytes of the word as they are in the text.</param>
    /// <param name="tokens">An empty buffer with offsets; where words hold pretokens the ends of these are written, too.</param>
    protected abstract void EncodeWord(ReadOnlySpan<byte> word, TokenBuffer tokens);

    /// <summary>Appends the tokens of words that lie one behind the other.</summary>
    /// <param name="text">The text that the words are cut from; may be read up to its end.</param>
    /// <param name="from">The start of the first word.</param>
    /// <param name="ends">The end of each word, relative to <paramref name="from"/>.</param>
    /// <param name="textStart">Added to all ranges.</param>
    /// <param name="tokens">Where the tokens go.</param>
    protected void AppendWords(ReadOnlySpan<byte> text, int from, ReadOnlySpan<int> ends, int textStart, TokenBuffer tokens)
    {
        if (tokens.TracksOffsets)
            AppendWithRanges(text, from, ends, textStart, tokens);
        else
            AppendIds(text, from, ends, tokens);
    }

    /// <summary>Appends the tokens of one word.</summary>
    protected void AppendWord(ReadOnlySpan<byte> text, int start, int end, int textStart, TokenBuffer tokens)
    {
        ReadOnlySpan<byte> word = text[start..end];
        _scratch.Clear();
        _scratch.PretokenEnds!.Clear();
        if (word.Length <= WordCache.ShortLimit)
        {
            Vector128<byte> key = WordCache.Key(word);
            ref WordCache.Slot slot = ref Unsafe.Add(ref _cache.FirstSlot, WordCache.Place(key, _cache.Shift));
            if (slot.Key != key)
                WordCache.Promote(ref slot, key);
            if (slot.Key == key)
            {
                ReadOnlySpan<int> packed = slot.Count > WordCache.InlineLimit ? _cache.Pooled(slot) : MemoryMarshal.CreateReadOnlySpan(ref slot.First, slot.Count);
                int origin = textStart + start;
                foreach (int token in packed)
                {
                    tokens.Add(token & WordCache.IdMask, origin + ((token >>> 24) & 15), origin + (token >>> 28));
                    if ((token & WordCache.EndsPretoken) != 0)
                        tokens.PretokenEnds?.Add(tokens.Count);
                }

                return;
            }

            EncodeWord(word, _scratch);
            _cache.Add(key, _scratch);
        }
        else if (word.Length <= WordCache.LongLimit)
        {
            ulong hash = ByteHash.Compute(word);
            if (_cache.TryAppend(word, hash, textStart + start, tokens))
                return;
            EncodeWord(word, _scratch);
            _cache.AddLong(word, hash, _scratch);
        }
        else
        {
            EncodeWord(word, _scratch);
        }

        AppendScratch(textStart + start, tokens);
    }

    private void AppendScratch(int origin, TokenBuffer tokens)
    {
        if (!tokens.TracksOffsets)
        {
            tokens.AddRange(_scratch.Ids);
            return;
        }

        if (tokens.PretokenEnds is { } pretokens)
        {
            foreach (int end in _scratch.PretokenEnds!)
                pretokens.Add(tokens.Count + end);
        }

        tokens.Reserve(_scratch.Count);
        ReadOnlySpan<int> starts = _scratch.Starts;
        ReadOnlySpan<int> tokenEnds = _scratch.Ends;
        for (int i = 0; i < starts.Length; i++)
            tokens.Add(_scratch.Ids[i], origin + starts[i], origin + tokenEnds[i]);
    }

    private void AppendIds(ReadOnlySpan<byte> text, int from, ReadOnlySpan<int> ends, TokenBuffer tokens)
    {
        ref byte bytes = ref MemoryMarshal.GetReference(text);
        ref WordCache.Slot slots = ref _cache.FirstSlot;
        int shift = _cache.Shift;
        int lastLoad = text.Length - 16;
        Vector128<int> idMask = Vector128.Create(WordCache.IdMask);
        tokens.Reserve((ends.Length * WordCache.InlineLimit) + 4);
        ref int ids = ref MemoryMarshal.GetArrayDataReference(tokens.IdRoom);
        int count = tokens.Count;
        int start = from;
        for (int i = 0; i < ends.Length; i++)
        {
            int end = from + ends[i];
            int length = end - start;
            if (length <= WordCache.ShortLimit && start <= lastLoad)
            {
                Vector128<byte> key = WordCache.Key(ref Unsafe.Add(ref bytes, start), length);
                ref WordCache.Slot slot = ref Unsafe.Add(ref slots, WordCache.Place(key, shift));
                if (slot.Key != key)
                    WordCache.Promote(ref slot, key);
                if (slot.Key == key && slot.Count <= WordCache.InlineLimit)
                {
                    // All three are written; those beyond the count are overwritten by the next word.
                    (Vector128.LoadUnsafe(ref slot.First) & idMask).StoreUnsafe(ref Unsafe.Add(ref ids, count));
                    count += slot.Count;
                    start = end;
                    continue;
                }
            }

            tokens.Count = count;
            AppendWord(text, start, end, 0, tokens);
            count = tokens.Count;
            tokens.Reserve(((ends.Length - i) * WordCache.InlineLimit) + 4);
            ids = ref MemoryMarshal.GetArrayDataReference(tokens.IdRoom);
            slots = ref _cache.FirstSlot;
            shift = _cache.Shift;
            start = end;
        }

        tokens.Count = count;
    }

    private void AppendWithRanges(ReadOnlySpan<byte> text, int from, ReadOnlySpan<int> ends, int textStart, TokenBuffer tokens)
    {
        ref byte bytes = ref MemoryMarshal.GetReference(text);
        ref WordCache.Slot slots = ref _cache.FirstSlot;
        int shift = _cache.Shift;
        int lastLoad = text.Length - 16;
        Vector128<int> idMask = Vector128.Create(WordCache.IdMask);
        Vector128<int> nibble = Vector128.Create(15);
        List<int>? wordEnds = Pretokens == PretokenTracking.EachWord ? tokens.PretokenEnds : null;
        List<int>? markedEnds = Pretokens == PretokenTracking.InsideWords ? tokens.PretokenEnds : null;
        int start = from;
        for (int i = 0; i < ends.Length; i++)
        {
            int end = from + ends[i];
            int length = end - start;
            if (length <= WordCache.ShortLimit && start <= lastLoad)
            {
                Vector128<byte> key = WordCache.Key(ref Unsafe.Add(ref bytes, start), length);
                ref WordCache.Slot slot = ref Unsafe.Add(ref slots, WordCache.Place(key, shift));
                if (slot.Key != key)
                    WordCache.Promote(ref slot, key);
                if (slot.Key == key && slot.Count <= WordCache.InlineLimit)
                {
                    int count = tokens.Count;
                    tokens.Reserve(4);
                    Vector128<int> packed = Vector128.LoadUnsafe(ref slot.First);
                    Vector128<int> origin = Vector128.Create(textStart + start);
                    (packed & idMask).StoreUnsafe(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(tokens.IdRoom), count));
                    (((packed >>> 24) & nibble) + origin).StoreUnsafe(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(tokens.StartRoom), count));
                    ((packed >>> 28) + origin).StoreUnsafe(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(tokens.EndRoom), count));
                    tokens.Count = count + slot.Count;
                    wordEnds?.Add(tokens.Count);
                    if (markedEnds is not null)
                        AddMarkedEnds(packed, slot.Count, count, markedEnds);
                    start = end;
                    continue;
                }
            }

            AppendWord(text, start, end, textStart, tokens);
            wordEnds?.Add(tokens.Count);
            slots = ref _cache.FirstSlot;
            shift = _cache.Shift;
            start = end;
        }
    }

    private static void AddMarkedEnds(Vector128<int> packed, int slotCount, int count, List<int> ends)
    {
        for (int i = 0; i < slotCount; i++)
        {
            if ((packed.GetElement(i) & WordCache.EndsPretoken) != 0)
                ends.Add(count + i + 1);
        }
    }
}

/// <summary>What the words of a fused encoder say of pretokens.</summary>
internal enum PretokenTracking
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Each word is a pretoken; their ends are written to <see cref="TokenBuffer.PretokenEnds"/>.</summary>
    EachWord,

    /// <summary>A word holds any number of pretokens, each of at least one token; their ends are written to <see cref="TokenBuffer.PretokenEnds"/>.</summary>
    InsideWords,

    /// <summary>A whole piece of text is one pretoken.</summary>
    WholePiece,
}
