namespace Merganser.Tokenizers;

/// <summary>Cuts, joins and fills encodings.</summary>
internal static class EncodingSlices
{
    /// <summary>The windows of a pair are the product of those of both texts: a bound, so that they do not eat the memory.</summary>
    private const int MaxWindows = 1 << 20;

    /// <summary>The tokens of a range, without what overflows.</summary>
    public static Encoding Slice(Encoding encoding, int start, int end) => new()
    {
        Ids = encoding.Ids[start..end],
        TypeIds = encoding.TypeIds[start..end],
        Offsets = encoding.Offsets[start..end],
        WordIds = encoding.WordIds[start..end],
        SequenceIds = encoding.SequenceIds[start..end],
        SpecialTokensMask = encoding.SpecialTokensMask[start..end],
        AttentionMask = encoding.AttentionMask[start..end],
        EdgeSpaces = encoding.EdgeSpaces is { } spaces ? spaces[start..end] : null,
    };

    /// <summary>The same tokens with other overflowing windows.</summary>
    public static Encoding WithOverflowing(Encoding encoding, IReadOnlyList<Encoding> overflowing) => Change(encoding, overflowing: overflowing);

    /// <summary>The same encoding with some members replaced.</summary>
    public static Encoding Change(
        Encoding encoding, int[]? typeIds = null, (int Start, int End)[]? offsets = null, IReadOnlyList<Encoding>? overflowing = null, bool dropEdgeSpaces = false) => new()
        {
            Ids = encoding.Ids,
            TypeIds = typeIds ?? encoding.TypeIds,
            Offsets = offsets ?? encoding.Offsets,
            WordIds = encoding.WordIds,
            SequenceIds = encoding.SequenceIds,
            SpecialTokensMask = encoding.SpecialTokensMask,
            AttentionMask = encoding.AttentionMask,
            Overflowing = overflowing ?? encoding.Overflowing,
            EdgeSpaces = dropEdgeSpaces ? null : encoding.EdgeSpaces,
        };

    /// <summary>Sets one type id for all tokens, those of the overflowing windows too.</summary>
    public static Encoding WithTypeId(Encoding encoding, int typeId)
    {
        var types = new int[encoding.Count];
        Array.Fill(types, typeId);
        return Change(encoding, typeIds: types, overflowing: [.. encoding.Overflowing.Select(window => WithTypeId(window, typeId))]);
    }

    /// <summary>An encoding of tokens that a post-processor puts in.</summary>
    public static Encoding Special(ReadOnlySpan<int> ids, int typeId)
    {
        var types = new int[ids.Length];
        var mask = new int[ids.Length];
        Array.Fill(types, typeId);
        Array.Fill(mask, 1);
        return new Encoding
        {
            Ids = ids.ToArray(),
            TypeIds = types,
            Offsets = new (int, int)[ids.Length],
            WordIds = new int?[ids.Length],
            SequenceIds = new int?[ids.Length],
            SpecialTokensMask = mask,
            AttentionMask = mask,
        };
    }

    /// <summary>
    /// Joins parts one after the other. What overflows: every window of a part with the rest as it is, then with every
    /// window of the later parts, then the part as it is with those windows; each such encoding has no windows itself.
    /// </summary>
    public static Encoding Join(IReadOnlyList<Encoding> parts)
    {
        if (parts.Count == 1)
            return parts[0];
        // The parts chosen for each overflowing encoding, as the parts come in.
        List<Encoding[]> overflowing = [];
        for (int i = 0; i < parts.Count; i++)
        {
            List<Encoding[]> next = new(overflowing.Count);
            foreach (Encoding[] chosen in overflowing)
            {
                next.Add([.. chosen, parts[i]]);
                foreach (Encoding window in parts[i].Overflowing)
                    next.Add([.. chosen, window]);
            }

            foreach (Encoding window in parts[i].Overflowing)
                next.Add([.. parts.Take(i), window]);
            if (next.Count > MaxWindows)
                throw new MerganserException($"truncation makes more than {MaxWindows} overflowing windows; use a longer max_length or shorter texts");
            overflowing = next;
        }

        return WithOverflowing(Concat(parts), [.. overflowing.Select(Concat)]);
    }

    /// <summary>Fills one encoding and its windows up to a length.</summary>
    public static Encoding Pad(Encoding encoding, int length, Padding padding)
    {
        IReadOnlyList<Encoding> overflowing = encoding.Overflowing.Count == 0 ? [] : [.. encoding.Overflowing.Select(window => Pad(window, length, padding))];
        int missing = length - encoding.Count;
        if (missing <= 0)
            return overflowing.Count == 0 ? encoding : WithOverflowing(encoding, overflowing);
        var ids = new int[missing];
        Array.Fill(ids, padding.PadId);
        Encoding fill = Special(ids, padding.PadTypeId);
        fill = new Encoding
        {
            Ids = fill.Ids,
            TypeIds = fill.TypeIds,
            Offsets = fill.Offsets,
            WordIds = fill.WordIds,
            SequenceIds = fill.SequenceIds,
            SpecialTokensMask = fill.SpecialTokensMask,
            AttentionMask = new int[missing],
        };
        return WithOverflowing(padding.Direction == TextDirection.Left ? Concat([fill, encoding]) : Concat([encoding, fill]), overflowing);
    }

    private static Encoding Concat(IReadOnlyList<Encoding> parts)
    {
        int count = 0;
        foreach (Encoding part in parts)
            count = checked(count + part.Count);
        var joined = new Encoding
        {
            Ids = new int[count],
            TypeIds = new int[count],
            Offsets = new (int, int)[count],
            WordIds = new int?[count],
            SequenceIds = new int?[count],
            SpecialTokensMask = new int[count],
            AttentionMask = new int[count],
            EdgeSpaces = parts.Any(part => part.EdgeSpaces is not null) ? new EdgeSpaces[count] : null,
        };
        int at = 0;
        foreach (Encoding part in parts)
        {
            part.Ids.CopyTo(joined.Ids, at);
            part.TypeIds.CopyTo(joined.TypeIds, at);
            part.Offsets.CopyTo(joined.Offsets, at);
            part.WordIds.CopyTo(joined.WordIds, at);
            part.SequenceIds.CopyTo(joined.SequenceIds, at);
            part.SpecialTokensMask.CopyTo(joined.SpecialTokensMask, at);
            part.AttentionMask.CopyTo(joined.AttentionMask, at);
            if (joined.EdgeSpaces is not null)
                part.EdgeSpaces?.CopyTo(joined.EdgeSpaces, at);
            at += part.Count;
        }

        return joined;
    }
}
